#!/usr/bin/env node
// How somebody comes in and stays in, as a browser and a till do it: a refresh token that no script can read, a
// manager's word for what a clerk may not do alone, and a PIN from one clerk to the next.

import { Person, Report, PASSWORD, call, closeTill, expect, goods, hire, openTill, sell, uuid } from './lib.mjs';

const COOKIE = { 'x-refresh': 'cookie' };

const report = new Report();
const owner = await Person.signIn('owner@demo.test');

/// The cookie that an answer sets, as a browser would send it back.
function cookieOf(answer) {
  return answer.headers.get('set-cookie')?.split(';')[0] ?? '';
}

await report.group('a browser keeps its refresh token in a cookie that no script can read', async (checks) => {
  const { email } = await hire(owner, 'viewer');
  const body = { email, password: PASSWORD };
  const session = await call('POST', '/v1/auth/login', { body, headers: COOKIE });
  checks.equal([session.status, session.json.refreshToken], [200, ''], 'the token in the body');
  const set = session.headers.get('set-cookie') ?? '';
  for (const word of ['HttpOnly', 'Secure', 'SameSite=Strict', 'Path=/v1/auth']) checks.holds(set.includes(word), word);

  const cookie = cookieOf(session);
  const next = await call('POST', '/v1/auth/refresh', { body: {}, headers: { ...COOKIE, cookie } });
  checks.equal(next.status, 200, 'the refresh by cookie');
  checks.holds(cookieOf(next) !== '' && cookieOf(next) !== cookie, 'the cookie is another one');
  const form = await call('POST', '/v1/auth/refresh', { body: {}, headers: { cookie: cookieOf(next) } });
  checks.equal(form.status, 400, 'without the header the cookie says nothing');
  const headers = { ...COOKIE, cookie: cookieOf(next), origin: 'https://evil.test' };
  checks.problem(await call('POST', '/v1/auth/refresh', { body: {}, headers }), 403, 'ORIGIN_REFUSED');
  const out = await call('POST', '/v1/auth/logout', { body: {}, token: next.json.accessToken, headers: COOKIE });
  checks.holds(out.headers.get('set-cookie')?.includes('Max-Age=0'), 'signing out takes the cookie away');
});

await report.group('a clerk voids a sale with a manager’s approval, once, and both are recorded', async (checks) => {
  const clerk = await Person.signIn((await hire(owner, 'sales_associate')).email);
  const manager = await hire(owner, 'manager');
  const till = await openTill(owner, clerk);
  const sale = await sell(clerk, till, await goods(clerk, till, 1));
  const path = `/v1/sales/${sale.id}/void`;
  const voiding = (approval) => {
    const headers = { 'idempotency-key': crypto.randomUUID(), ...(approval && { 'x-approval-token': approval }) };
    return clerk.call('POST', path, { body: { reason: 'wrong item' }, headers });
  };
  checks.problem(await voiding(), 403, 'APPROVAL_NEEDED');
  const asked = { action: 'pos.v1.SaleService/VoidSale', resourceId: sale.id, email: manager.email };
  const wrong = await clerk.call('POST', '/v1/approvals', { body: { ...asked, password: 'guessed' } });
  checks.problem(wrong, 403, 'APPROVAL_REFUSED');
  const given = await clerk.call('POST', '/v1/approvals', { body: { ...asked, password: PASSWORD } });
  const approval = expect(given, 200, 201);
  checks.equal(approval.approverId, manager.id, 'who approved');
  checks.equal((await voiding(approval.token)).status, 200, 'the void');
  checks.equal((await voiding(approval.token)).status, 409, 'the same approval again');
  const records = await owner.get(`/v1/pos/audit-records?q=${sale.id}&limit=100`);
  const record = records.data.find((one) => one.action === asked.action);
  checks.equal([record?.actorId, record?.approverId], [clerk.user.id, manager.id], 'who did it, and who approved it');
  await closeTill(clerk, till);
});

await report.group('one clerk after the other takes a till over with number and PIN', async (checks) => {
  const deviceId = uuid();
  /// Somebody who has chosen a PIN, as he enters it at the till.
  const withPin = async (role, pin) => {
    const { id, email } = await hire(owner, role);
    const person = await Person.signIn(email);
    await person.post('/v1/auth/set-pin', { pin, currentPassword: PASSWORD });
    return { email, entered: { employeeNumber: (await owner.get(`/v1/users/${id}`)).employeeNumber, pin, deviceId } };
  };
  const [first, second] = [await withPin('sales_associate', '2580'), await withPin('manager', '1379')];
  const takeOver = (body) => call('POST', '/v1/auth/pin-login', { body });
  checks.problem(await takeOver(first.entered), 401, 'SIGN_IN_REFUSED');
  const full = { email: second.email, password: PASSWORD, deviceId };
  expect(await call('POST', '/v1/auth/login', { body: full }), 200);
  checks.problem(await takeOver({ ...first.entered, deviceId: uuid() }), 401, 'SIGN_IN_REFUSED');
  const clerk = new Person(expect(await takeOver(first.entered), 200));
  checks.equal((await clerk.get('/v1/auth/me')).email, first.email, 'who stands at the till');
  const till = await openTill(owner, clerk);
  checks.equal((await sell(clerk, till, await goods(clerk, till, 1))).state, 'completed', 'the sale at the till');
  await closeTill(clerk, till);
  const body = { pin: '8246', currentPassword: PASSWORD };
  checks.problem(await clerk.call('POST', '/v1/auth/set-pin', { body }), 403, 'FULL_SIGN_IN_REQUIRED');
  const manager = expect(await takeOver(second.entered), 200);
  checks.equal(manager.user.email, second.email, 'who stands at the till next');
});

await report.group('somebody sees his own sessions and ends the others', async (checks) => {
  const { email } = await hire(owner, 'viewer');
  const [here, there] = [await Person.signIn(email), await Person.signIn(email)];
  const { data } = await here.get('/v1/auth/sessions');
  checks.equal(data.map((one) => one.isCurrent).sort(), [false, true], 'his sessions');
  checks.equal((await here.post('/v1/auth/sessions/end-others')).endedSessions, 1, 'how many ended');
  checks.equal((await there.call('GET', '/v1/auth/me')).status, 401, 'the other one');
  checks.equal((await here.call('GET', '/v1/auth/me')).status, 200, 'this one');
});

report.end();
