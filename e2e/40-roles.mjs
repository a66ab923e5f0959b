#!/usr/bin/env node
// Every endpoint × every role: who may call what follows from the served document and the roles alone, and every
// answer must agree with it, over REST and over gRPC-web.
//
// Ids are of nothing and bodies are blank, so that whoever is let in changes nothing.

import { NOBODY, Person, Report, call, each, expect, hire, operations, places, uuid } from './lib.mjs';

const ROLES = ['admin', 'manager', 'sales_associate', 'technician', 'instructor', 'viewer'];
const SIGN_INS = { admin: 'owner', manager: 'manager', sales_associate: 'clerk', viewer: 'viewer' };
const LEVELS = ['view', 'edit', 'admin'];
/// They end sessions, so it takes somebody of their own.
const SPENDING = ['/v1/auth/logout', '/v1/auth/sessions/end-others'];
const UNAUTHENTICATED = '16';
const PERMISSION_DENIED = '7';
/// A message without any field, as gRPC-web frames it.
const BLANK = Buffer.alloc(5);

/// Whether what is held allows what is asked: admin includes edit, and edit includes view.
function allows(held, asked) {
  const [domain, level] = asked.split('.');
  return held.some((word) => {
    const [own, reach] = word.split('.');
    return own === domain && LEVELS.indexOf(reach) >= LEVELS.indexOf(level);
  });
}

/// What must come back: 401, 403, or anything else.
function verdict(permission, held) {
  if (permission === 'public') return 'let in';
  if (held === null) return '401';
  return permission === 'signed-in' || allows(held, permission) ? 'let in' : '403';
}

/// What came back, in the same words.
function outcome(status, refusals) {
  return refusals[status] ?? 'let in';
}

async function rest(operation, path, token) {
  const answer = await call(operation.method, path.replaceAll(/\{[^}]+\}/g, NOBODY), {
    token,
    body: operation.hasBody ? {} : undefined,
    headers: operation.method === 'POST' ? { 'idempotency-key': uuid() } : {},
  });
  // A sign-in with a blank body is refused for its body, so 401 and 403 mean the caller here as anywhere.
  return { seen: outcome(answer.status, { 401: '401', 403: '403' }), answer };
}

/// The same RPC, past the gateway's own table: the service alone says who may.
async function grpcWeb(rpc, token) {
  const answer = await call('POST', `/${rpc}`, {
    token,
    raw: BLANK,
    headers: { 'content-type': 'application/grpc-web+proto', 'x-grpc-web': '1', 'idempotency-key': uuid() },
  });
  const status = answer.headers.get('grpc-status') ?? /grpc-status: ?(\d+)/.exec(answer.text)?.[1];
  return { seen: outcome(status, { [UNAUTHENTICATED]: '401', [PERMISSION_DENIED]: '403' }), answer };
}

/// Somebody of each role, and nobody.
async function cast(owner) {
  const roles = await owner.get('/v1/roles?limit=100');
  const held = (slug) => roles.data.find((role) => role.slug === slug)?.permissions ?? [];
  const people = new Map([['nobody', { held: null, sign: async () => undefined, spare: async () => undefined }]]);
  for (const role of ROLES) {
    const email = role in SIGN_INS ? `${SIGN_INS[role]}@demo.test` : (await hire(owner, role)).email;
    const sign = async () => (await Person.signIn(email)).token;
    const spare = async () => (await Person.signIn((await hire(owner, role)).email)).token;
    people.set(role, { held: held(role), sign, spare });
  }
  return people;
}

const report = new Report();
const owner = await Person.signIn('owner@demo.test');
const table = await operations();
const people = await cast(owner);
const counts = { 'let in': 0, 401: 0, 403: 0 };

await report.group('every operation says who may call it, and every role is known', async (checks) => {
  for (const operation of table) {
    checks.holds(operation.permission, `${operation.method} ${operation.path} says nothing`);
  }
  const roles = expect(await owner.call('GET', '/v1/roles?limit=100'), 200).data;
  const own = roles.filter((role) => role.isSystem).map((role) => role.slug);
  checks.equal(own.sort(), [...ROLES].sort(), 'the roles of the system');
  const unknown = roles.flatMap((role) => role.permissions).filter((word) => !/^[a-z]+\.(view|edit|admin)$/.test(word));
  checks.equal(unknown, [], 'permissions of no level');
});

for (const [name, { held, sign, spare }] of people) {
  const token = await sign();
  await report.group(`${name} is let in where the role says so, and nowhere else, over REST`, (checks) =>
    each(table, async (operation) => {
      for (const path of places(operation)) {
        const own = SPENDING.includes(path) ? await spare() : token;
        const { seen, answer } = await rest(operation, path, own);
        const wanted = verdict(operation.permission, held);
        counts[wanted] += 1;
        checks.equal(seen, wanted, `${answer.name} as ${name} (${operation.permission}, ${answer.status})`);
        checks.holds(answer.status < 500, `${answer.name} as ${name} answered ${answer.status}`);
        if (wanted === '403') checks.problem(answer, 403, 'PERMISSION_DENIED');
        if (wanted === '401') checks.problem(answer, 401, 'UNAUTHENTICATED');
      }
    }),
  );
  await report.group(`${name} is let in where the role says so, and nowhere else, over gRPC-web`, (checks) =>
    each(
      table.filter(({ rpc }) => rpc),
      async (operation) => {
        for (const path of places(operation)) {
          const rpc = operation.path.includes('{service}') ? `${path.split('/')[2]}/${operation.rpc}` : operation.rpc;
          const own = SPENDING.includes(operation.path) ? await spare() : token;
          const { seen, answer } = await grpcWeb(rpc, own);
          const wanted = verdict(operation.permission, held);
          counts[wanted] += 1;
          checks.equal(seen, wanted, `${answer.name} as ${name} (${operation.permission})`);
        }
      },
    ),
  );
}

await report.group('a token that was tampered with opens nothing', (checks) =>
  each(table, async (operation) => {
    if (operation.permission === 'public') return;
    const [path] = places(operation);
    const [head, claims, signature] = owner.token.split('.');
    const forged = JSON.parse(Buffer.from(claims, 'base64url').toString());
    const token = [head, Buffer.from(JSON.stringify({ ...forged, name: 'Eve' })).toString('base64url'), signature].join(
      '.',
    );
    const { answer } = await rest(operation, path, token);
    checks.problem(answer, 401, 'TOKEN_REFUSED');
  }),
);

console.log(
  `  ${table.length} operations, ${people.size} roles with nobody: let in ${counts['let in']}, ` +
    `not signed in ${counts[401]}, not allowed ${counts[403]}`,
);
report.end();
