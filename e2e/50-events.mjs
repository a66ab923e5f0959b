#!/usr/bin/env node
// `/v1/events`: a sale is told to who may see it, nothing is lost or told twice between two connections, and nobody
// sees what his role does not allow.

import { Person, Report, call, closeTill, eventually, goods, hire, openTill, sell, uuid } from './lib.mjs';
import { Stream } from './stream.mjs';

const report = new Report();
const owner = await Person.signIn('owner@demo.test');
const clerk = await Person.signIn('clerk@demo.test');
const till = await openTill(owner, clerk);
const products = await goods(clerk, till, 2);

/// What a completed sale brings about, in every service.
const FOLLOWS = ['pos.sale.completed', 'inventory.stock.issued'];

await report.group('the owner sees a sale, what follows from it, and when', async (checks) => {
  const stream = await Stream.open(owner);
  checks.equal(stream.response.headers.get('content-type'), 'text/event-stream', 'the content type');
  checks.equal(stream.response.headers.get('cache-control'), 'no-store', 'caches');
  const sale = await sell(clerk, till, products);
  for (const kind of FOLLOWS) {
    const event = await stream.until(kind, sale.id);
    checks.equal(event.event, kind, 'the event field');
    checks.holds(/^[0-9a-f-]{36}$/.test(event.id), `${event.id} is no id`);
    checks.holds(Math.abs(Date.now() - Date.parse(event.occurredAt)) < 60_000, `${event.occurredAt} is not now`);
  }
  const [entry] = await entries(sale.id);
  const booked = await stream.until('ledger.entry.posted', entry.id);
  checks.holds(booked, 'the books are silent');
  stream.close();
});

async function entries(sourceId) {
  return eventually(`a journal entry of ${sourceId}`, 15, async () => {
    const found = (await owner.get(`/v1/journal-entries?sourceId=${sourceId}`)).data;
    return found.length > 0 && found;
  });
}

await report.group('who comes back with the last id misses nothing and reads nothing twice', async (checks) => {
  const first = await Stream.open(owner);
  const before = await sell(clerk, till, products);
  const { resumeId } = await first.until('pos.sale.completed', before.id);
  first.close();
  const missed = [];
  for (let count = 0; count < 5; count += 1) missed.push((await sell(clerk, till, products)).id);
  for (const byQuery of [false, true]) {
    const back = await Stream.open(owner, { lastId: resumeId, byQuery });
    // Each service tells in its own order, and which of them is first nobody promises.
    for (const id of missed) for (const kind of FOLLOWS) await back.until(kind, id);
    checks.equal(back.of('pos.sale.completed'), missed, `sales while away (${byQuery ? 'by query' : 'by header'})`);
    const ids = back.events.map((event) => event.id);
    checks.equal(new Set(ids).size, ids.length, 'each event once');
    // From any event on, the rest is told and nothing else.
    const middle = Math.floor(back.events.length / 2);
    const again = await Stream.open(owner, { lastId: back.events[middle].resumeId });
    const rest = ids.slice(middle + 1);
    const marker = await marked(again);
    const told = again.events.map((event) => event.id).filter((id) => id !== marker.id);
    checks.equal(told.filter((id) => ids.includes(id)).sort(), [...rest].sort(), 'the rest from the middle on');
    checks.equal(
      told.filter((id) => ids.slice(0, middle + 1).includes(id)),
      [],
      'what was told before',
    );
    again.close();
    back.close();
  }
});

/// Changes an account and waits until the stream tells it: what was to come before has come.
async function marked(stream) {
  const account = await clerk.post('/v1/accounts', { kind: 'individual', name: `Marker ${uuid()}` });
  return stream.until('accounts.account.changed', account.id);
}

await report.group('nobody sees what his role does not allow', async (checks) => {
  const roles = {
    'clerk@demo.test': ['accounts', 'inventory', 'pos'],
    'viewer@demo.test': ['accounts', 'identity', 'inventory', 'ledger', 'pos'],
    [(await hire(owner, 'technician')).email]: ['accounts', 'inventory'],
    [(await hire(owner, 'instructor')).email]: ['accounts'],
  };
  const streams = [];
  for (const email of Object.keys(roles)) streams.push([email, await Stream.open(await Person.signIn(email))]);
  const all = await Stream.open(owner);
  const sale = await sell(clerk, till, products);
  const [entry] = await entries(sale.id);
  await all.until('ledger.entry.posted', entry.id);
  await all.until('inventory.stock.issued', sale.id);
  const hired = await hire(owner, 'viewer');
  await all.until('identity.user.changed', hired.id);
  for (const [email, stream] of streams) {
    await marked(stream);
    const services = roles[email];
    const seen = [...new Set(stream.events.map((event) => event.kind.split('.')[0]))].sort();
    checks.equal(
      seen.filter((name) => !services.includes(name)),
      [],
      `${email} sees more`,
    );
    if (services.includes('pos')) checks.equal(stream.of('pos.sale.completed'), [sale.id], `${email} sees the sale`);
    if (services.includes('ledger')) await stream.until('ledger.entry.posted', entry.id);
    if (services.includes('identity')) await stream.until('identity.user.changed', hired.id);
    stream.close();
  }
  all.close();
});

await report.group('a stream needs a user and an id that was sent here', async (checks) => {
  checks.problem(await call('GET', '/v1/events'), 401, 'UNAUTHENTICATED');
  const wrong = await owner.call('GET', '/v1/events', { headers: { 'last-event-id': 'yesterday' } });
  checks.problem(wrong, 400, 'INVALID', 'Last-Event-ID');
  checks.problem(await owner.call('GET', '/v1/events?since=yesterday'), 400, 'INVALID', 'since');
  checks.problem(await owner.call('POST', '/v1/events'), 405, 'METHOD_NOT_ALLOWED');
});

await report.group('a stream ends with the session', async (checks) => {
  const leaver = await Person.signIn('clerk@demo.test');
  const stream = await Stream.open(leaver);
  await leaver.post('/v1/auth/logout');
  await eventually('the end of the stream', 3, () => stream.ended);
  // The gateway hears of it as every service does.
  const refused = await eventually('the refusal of a new stream', 3, async () => {
    const answer = await leaver.call('GET', '/v1/events');
    return answer.status !== 200 && answer;
  });
  checks.problem(refused, 401, 'TOKEN_REFUSED');
});

await closeTill(clerk, till);
report.end();
