#!/usr/bin/env node
// When a session is ended, or a user may no longer sign in, the access token is refused within two seconds: by the
// gateway and, asked past it, by every service.

import { Service } from './grpc.mjs';
import { Person, Report, call, eventually, hire } from './lib.mjs';

const SECONDS_MAX = 2;
const OK = 0;
const UNAUTHENTICATED = 16;

/// Something that the viewer may ask of each service.
const QUESTIONS = {
  identity: ['/v1/locations', 'lunarfront.identity.v1.LocationService/ListLocations'],
  accounts: ['/v1/accounts', 'lunarfront.accounts.v1.AccountService/ListAccounts'],
  inventory: ['/v1/products', 'lunarfront.inventory.v1.ProductService/ListProducts'],
  pos: ['/v1/registers', 'lunarfront.pos.v1.RegisterService/ListRegisters'],
  ledger: ['/v1/ledger-accounts', 'lunarfront.ledger.v1.LedgerAccountService/ListLedgerAccounts'],
};

const report = new Report();
const owner = await Person.signIn('owner@demo.test');

/// Everybody's answer to the token: of the gateway for each service, and of each service itself.
function questions(services, token) {
  return services.flatMap((service) => {
    const [path, rpc] = QUESTIONS[service.name];
    return [
      { who: `the gateway for ${service.name}`, ask: async () => (await call('GET', path, { token })).status === 401 },
      { who: service.name, ask: async () => (await service.call(rpc, token)) === UNAUTHENTICATED },
    ];
  });
}

/// Checks that the token holds, takes it away, and checks that it is refused by everybody in time.
async function revoke(checks, person, take) {
  const services = Object.keys(QUESTIONS).map((name) => new Service(name));
  for (const service of services) {
    const [path, rpc] = QUESTIONS[service.name];
    checks.equal((await person.call('GET', path)).status, 200, `${path} before`);
    checks.equal(await service.call(rpc, person.token), OK, `${service.name} before`);
  }
  await take();
  const began = Date.now();
  const asked = questions(services, person.token).map(async ({ who, ask }) => {
    await eventually(`the refusal of ${who}`, SECONDS_MAX + 8, ask);
    const seconds = (Date.now() - began) / 1000;
    checks.holds(seconds <= SECONDS_MAX, `${who} refused after ${seconds} s`);
    return seconds;
  });
  const slowest = Math.max(...(await Promise.all(asked)));
  // Refused once is refused for good.
  for (const { who, ask } of questions(services, person.token)) checks.holds(await ask(), `${who} lets it in again`);
  const refresh = await call('POST', '/v1/auth/refresh', { body: { refreshToken: person.refreshToken } });
  checks.equal(refresh.status, 401, 'the refresh token');
  services.forEach((service) => service.close());
  console.log(`          everybody refused within ${slowest.toFixed(2)} s`);
}

await report.group('a session that an administrator ends is refused everywhere', async (checks) => {
  const person = await Person.signIn('viewer@demo.test');
  const other = await Person.signIn('viewer@demo.test');
  await revoke(checks, person, () => owner.post(`/v1/sessions/${person.sessionId}/end`));
  checks.equal((await other.call('GET', '/v1/auth/me')).status, 200, 'the other session of the same user');
});

await report.group('a session that its user ends is refused everywhere', async (checks) => {
  const person = await Person.signIn('viewer@demo.test');
  await revoke(checks, person, () => person.post('/v1/auth/logout'));
});

await report.group('a user who is disabled is refused everywhere, and signs in again once enabled', async (checks) => {
  const { id, email } = await hire(owner, 'viewer');
  const person = await Person.signIn(email);
  await revoke(checks, person, () => owner.post(`/v1/users/${id}/disable`));
  const body = { email, password: 'lunarfront-demo' };
  checks.problem(await call('POST', '/v1/auth/login', { body }), 401, 'SIGN_IN_REFUSED');
  await owner.post(`/v1/users/${id}/enable`);
  const again = await Person.signIn(email);
  checks.equal((await again.call('GET', '/v1/auth/me')).status, 200, 'the new session');
  checks.equal((await person.call('GET', '/v1/auth/me')).status, 401, 'the old token after all');
});

report.end();
