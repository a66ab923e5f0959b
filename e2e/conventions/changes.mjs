// Creating and changing: places, versions, blanks, repeated requests and amounts, on every kind of thing.

import { randomUUID } from 'node:crypto';

import { NOBODY, operations, uuid } from '../lib.mjs';

const MONEY = /^-?\d+\.\d\d$/;
const MONEY_NAMES = new Set([
  ...['price', 'unitPrice', 'amount', 'value', 'net', 'tax', 'gross', 'total', 'paid', 'change', 'cashRounding'],
  ...['debit', 'credit', 'openingFloat', 'expectedCash'],
]);

/// One thing of every kind that can be changed: where it is made, of what, and how it is changed.
async function kinds(owner) {
  const location = (await owner.get('/v1/locations/all'))[0].id;
  const account = (await owner.get('/v1/accounts?limit=1')).data[0].id;
  const name = () => `Thing ${randomUUID().slice(0, 8)}`;
  return [
    {
      path: '/v1/accounts',
      body: { kind: 'individual', name: name() },
      change: { name: name() },
      optional: 'email',
      value: 'a@b.test',
    },
    {
      path: `/v1/accounts/${account}/members`,
      body: { firstName: 'Ida', lastName: name() },
      change: { lastName: name() },
      optional: 'phone',
      value: '555 0100',
    },
    { path: '/v1/categories', body: { name: name() }, change: { name: name() } },
    {
      path: '/v1/products',
      body: { sku: randomUUID(), name: name(), kind: 'stock', taxCategory: 'goods', price: '97.43' },
      change: { price: '98' },
      optional: 'barcode',
      value: randomUUID().slice(0, 13),
    },
    { path: '/v1/registers', body: { locationId: location, name: name() }, change: { name: name() } },
    {
      path: '/v1/locations',
      body: { name: name() },
      change: { name: name() },
      optional: 'timeZone',
      value: 'America/New_York',
    },
    {
      path: '/v1/tax-rates',
      body: { name: name(), locationId: location, taxCategory: `c${randomUUID().slice(0, 8)}`, rate: '1.5' },
      change: { rate: '2.25' },
    },
  ];
}

export async function changing(owner, clerk, report) {
  const all = await kinds(owner);
  await report.group(`${all.length} kinds of things are created where they can be read`, async (checks) => {
    for (const kind of all) await creating(checks, owner, kind);
  });
  await report.group('a change needs the version that was seen, when it names one', async (checks) => {
    for (const kind of all) await versions(checks, owner, kind);
  });
  await report.group('a blank clears what may be absent, and what is not named stays', async (checks) => {
    for (const kind of all) await blanks(checks, owner, kind);
  });
  await report.group('a repeated request takes effect once', (checks) => repeating(checks, owner, clerk));
  await report.group('money has the digits of the currency, everywhere', (checks) => money(checks, owner, clerk));
}

async function creating(checks, owner, kind) {
  const answer = await owner.call('POST', kind.path, { body: kind.body, headers: { 'idempotency-key': uuid() } });
  checks.equal(answer.status, 201, `${answer.name} (${answer.text.slice(0, 200)})`);
  kind.place = answer.headers.get('location');
  kind.thing = answer.json;
  checks.equal(kind.place?.split('/').pop(), answer.json.id, `${answer.name}: Location`);
  checks.equal(answer.headers.get('etag'), `"${answer.json.etag}"`, `${answer.name}: ETag`);
  const read = await owner.call('GET', kind.place);
  checks.equal([read.status, read.json], [200, answer.json], `${read.name} reads what was created`);
  checks.equal(read.headers.get('etag'), answer.headers.get('etag'), `${read.name}: ETag`);
  checks.holds(/Z$/.test(read.json.createdAt ?? 'Z'), `${read.name}: ${read.json.createdAt} is not UTC`);
}

async function versions(checks, owner, { place, change, thing }) {
  const patch = (etag) => owner.call('PATCH', place, { body: change, headers: etag ? { 'if-match': etag } : {} });
  const seen = `"${thing.etag}"`;
  const done = await patch(seen);
  checks.equal(done.status, 200, `${done.name} with what was seen (${done.text.slice(0, 200)})`);
  checks.holds(done.headers.get('etag') !== seen, `${done.name} keeps its ETag`);
  const stale = await patch(seen);
  checks.problem(stale, 412);
  checks.holds(/_CHANGED$|^STALE$/.test(stale.json.code), `${stale.name}: code ${stale.json.code}`);
  checks.equal((await patch('*')).status, 200, `${done.name} with any version`);
  checks.equal((await patch(undefined)).status, 200, `${done.name} without a version`);
  checks.problem(await patch('"'), 400, 'INVALID', 'If-Match');
}

async function blanks(checks, owner, { place, change, optional, value }) {
  const patch = (body) => owner.call('PATCH', place, { body });
  const [name] = Object.keys(change);
  const before = await owner.get(place);
  if (optional) {
    checks.equal((await patch({ [optional]: value })).json[optional], value, `${place}: ${optional}`);
    const blank = await patch({ [optional]: '  ' });
    checks.equal([blank.status, blank.json[optional]], [200, null], `${place}: a blank ${optional}`);
    await patch({ [optional]: value });
    checks.equal((await patch({ [optional]: null })).json[optional], null, `${place}: ${optional} of null`);
    checks.equal((await owner.get(place))[name], before[name], `${place}: ${name} was not named`);
  }
  checks.problem(await patch({ [name]: '' }), 400, 'INVALID', name);
  checks.problem(await patch({ colour: 'red' }), 400, 'INVALID', 'colour');
  checks.problem(await patch({ createdAt: '2026-01-01T00:00:00Z' }), 400, 'INVALID', 'createdAt');
  checks.problem(await owner.call('PATCH', place.replace(/[^/]+$/, NOBODY), { body: change }), 404);
}

async function repeating(checks, owner, clerk) {
  const key = uuid();
  const post = (body, headers = { 'idempotency-key': key }) => clerk.call('POST', '/v1/accounts', { body, headers });
  const body = { kind: 'individual', name: `Once ${key}` };
  const [first, second] = [await post(body), await post(body)];
  checks.equal([first.status, first.headers.get('idempotency-replayed')], [201, null], 'the first request');
  checks.equal([second.status, second.headers.get('idempotency-replayed')], [201, 'true'], 'the same again');
  checks.equal(second.json, first.json, 'the answer to the same again');
  checks.equal(second.headers.get('location'), first.headers.get('location'), 'the place of the same again');
  checks.equal((await clerk.get(`/v1/accounts?q=Once ${key}`)).pagination.total, 1, 'what was created');
  checks.problem(await post({ ...body, name: 'Another' }), 409, 'IDEMPOTENCY_KEY_REUSED');
  // Keys are one's own: somebody else may use the same word.
  const other = await owner.call('POST', '/v1/accounts', { body, headers: { 'idempotency-key': key } });
  checks.equal([other.status, other.headers.get('idempotency-replayed')], [201, null], 'the same key of somebody else');
  for (const bad of ['a b', 'k'.repeat(256)]) {
    checks.problem(await post(body, { 'idempotency-key': bad }), 400, 'IDEMPOTENCY_KEY_INVALID', 'Idempotency-Key');
  }
  // Twins at the same time are one.
  const twin = { headers: { 'idempotency-key': uuid() }, body: { kind: 'individual', name: `Twin ${key}` } };
  const twins = await Promise.all(Array.from({ length: 8 }, () => clerk.call('POST', '/v1/accounts', twin)));
  checks.equal(
    new Set(twins.map((answer) => answer.json.id)).size,
    1,
    `ids of eight twins (${twins.map((one) => one.status)})`,
  );
  const demanding = (await operations()).filter(({ parameters }) =>
    parameters.some((one) => one.name === 'Idempotency-Key' && one.required),
  );
  checks.holds(demanding.length >= 8, `${demanding.length} operations demand a key`);
  for (const { method, path } of demanding) {
    const keyless = await owner.call(method, path.replaceAll(/\{[^}]+\}/g, NOBODY), { body: {} });
    checks.problem(keyless, 400, 'IDEMPOTENCY_KEY_REQUIRED', 'Idempotency-Key');
  }
}

async function money(checks, owner, clerk) {
  const draft = (price) => ({ sku: randomUUID(), name: 'Reed', kind: 'stock', taxCategory: 'goods', price });
  const create = (price) => owner.call('POST', '/v1/products', { body: draft(price) });
  for (const [sent, answered] of [
    ['97.43', '97.43'],
    ['97.4', '97.40'],
    ['97', '97.00'],
    ['0', '0.00'],
  ]) {
    const answer = await create(sent);
    checks.equal([answer.status, answer.json.price], [201, answered], `a price of ${sent}`);
  }
  for (const wrong of [
    '97.431',
    '97,43',
    '1e3',
    '.5',
    '97.',
    '',
    ' 97.43',
    '99999999999999999999',
    97.43,
    97,
    true,
    {},
    [],
  ]) {
    checks.problem(await create(wrong), 400, 'INVALID', 'price');
  }
  checks.problem(await create('-1.00'), 400, 'INVALID', 'price');
  const sales = (await clerk.get('/v1/sales?limit=100&sort=createdAt&order=desc')).data;
  const sale = await clerk.get(`/v1/sales/${sales.find((one) => one.state === 'completed').id}`);
  const pages = [
    ['/v1/sales', sales],
    ['a sale', sale],
    ['/v1/products', await clerk.get('/v1/products?limit=100')],
    ['/v1/stock-moves', await clerk.get('/v1/stock-moves?limit=100')],
    ['/v1/journal-entries', await owner.get('/v1/journal-entries?limit=100')],
    ['/v1/drawer-sessions', await clerk.get('/v1/drawer-sessions?limit=100')],
    ['the trial balance', await owner.get('/v1/reports/trial-balance')],
  ];
  for (const [where, page] of pages) {
    const wrong = amounts(page).filter(([, value]) => value !== null && !MONEY.test(value));
    checks.equal(wrong, [], `${where}: amounts without two digits`);
  }
}

/// Every amount in an answer, with its name.
function amounts(value) {
  if (Array.isArray(value)) return value.flatMap(amounts);
  if (value === null || typeof value !== 'object') return [];
  const { pagination, ...rest } = value;
  const own = Object.entries(rest).filter(([name, inner]) => MONEY_NAMES.has(name) && typeof inner !== 'object');
  return [...own, ...Object.values(rest).flatMap(amounts)];
}
