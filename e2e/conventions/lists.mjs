// The one list convention, on every list that the document has.

import { each, expect, operations, places } from '../lib.mjs';

const LIST = ['page', 'limit', 'q', 'sort', 'order'];
const LIMIT_DEFAULT = 25;
const LIMIT_MAX = 100;
const TEXT_MAX = 200;

/// Every list; a child's with a real parent in the place of its id.
async function lists(owner) {
  expect(await owner.call('POST', '/v1/account-imports', { body: { fileName: 'journey.csv' } }), 201);
  const isList = ({ parameters }) =>
    LIST.every((name) => parameters.some((one) => one.in === 'query' && one.name === name));
  const paths = (await operations()).filter(isList).flatMap(places);
  return Promise.all(paths.map((path) => withParent(owner, path)));
}

async function withParent(owner, path) {
  const parent = /^(.+)\/\{\w+\}\//.exec(path)?.[1];
  if (!parent) return path;
  const { data } = await owner.get(`${parent}?limit=1`);
  return path.replace(/\{\w+\}/, data[0].id);
}

export async function listing(owner, report) {
  const paths = await lists(owner);
  await report.group(`${paths.length} lists answer pages with exact totals`, (checks) =>
    each(paths, (path) => pages(checks, owner, path)),
  );
  await report.group('lists refuse what is wrong, and name it', (checks) =>
    each(paths, (path) => refusals(checks, owner, path)),
  );
  await report.group('lists sort by every name they offer, both ways', (checks) =>
    each(paths, (path) => sorts(checks, owner, path)),
  );
  await report.group('look-ups are flat and take no parameter', (checks) => lookUps(checks, owner));
}

async function pages(checks, owner, path) {
  const ask = (query) => owner.get(`${path}?${query}`);
  const first = await ask('');
  const { page, limit, total, totalPages } = first.pagination;
  checks.equal(Object.keys(first), ['data', 'pagination'], `${path}: the answer`);
  checks.equal(Object.keys(first.pagination), ['page', 'limit', 'total', 'totalPages'], `${path}: the pagination`);
  checks.equal([page, limit], [1, LIMIT_DEFAULT], `${path}: page and limit when none is asked`);
  checks.equal(first.data.length, Math.min(total, LIMIT_DEFAULT), `${path}: rows of ${total}`);
  checks.equal(totalPages, Math.ceil(total / LIMIT_DEFAULT), `${path}: pages of ${total} rows`);
  const coerced = await ask('limit=1000');
  checks.equal(coerced.pagination.limit, LIMIT_MAX, `${path}: a limit of 1000`);
  checks.equal(coerced.data.length, Math.min(coerced.pagination.total, LIMIT_MAX), `${path}: rows of a limit of 1000`);
  const beyond = await ask('page=100000&limit=100');
  checks.equal([beyond.data, beyond.pagination.page], [[], 100_000], `${path}: a page beyond the end`);
  checks.equal(beyond.pagination.total, coerced.pagination.total, `${path}: the total beyond the end`);
  // Pages neither overlap nor leave anything out.
  const [four, one, two] = [await ask('limit=4'), await ask('limit=2'), await ask('limit=2&page=2')];
  const ids = ({ data }) => data.map((row) => row.id);
  checks.equal([...ids(one), ...ids(two)], ids(four), `${path}: two pages of two, and one of four`);
  const nothing = await ask('q=%25%5F%5C%27%22%3B--no-such-thing');
  checks.holds(nothing.pagination.total <= total, `${path}: a text that nothing has finds ${nothing.pagination.total}`);
}

async function refusals(checks, owner, path) {
  const wrong = [
    ['page=-1', 'page'],
    ['limit=-1', 'limit'],
    ['page=two', 'page'],
    ['limit=1.5', 'limit'],
    ['sort=colour', 'sort'],
    ['sort=id;drop table sale', 'sort'],
    ['order=sideways', 'order'],
    ['color=red', 'color'],
    ['page=1&page=2', 'page'],
    [`q=${'a'.repeat(TEXT_MAX + 1)}`, 'q'],
    ['page=99999999999', 'page'],
  ];
  for (const [query, field] of wrong) {
    checks.problem(await owner.call('GET', `${path}?${query}`), 400, 'INVALID', field);
  }
  const many = await owner.call('GET', `${path}?page=x&limit=y&order=z`);
  const fields = many.json?.errors.map((error) => error.field).sort();
  checks.equal(fields, ['limit', 'order', 'page'], `${path}: all that is wrong at once`);
}

async function sorts(checks, owner, path) {
  const refused = await owner.call('GET', `${path}?sort=colour`);
  const offered = /must be one of (.+)$/.exec(refused.json.errors[0]?.message)?.[1].split(', ') ?? [];
  checks.holds(offered.length > 0, `${path} offers no sort: ${refused.text}`);
  for (const sort of offered) {
    for (const [order, sign] of [
      ['asc', 1],
      ['desc', -1],
    ]) {
      const { data } = await owner.get(`${path}?limit=100&sort=${sort}&order=${order}`);
      const values = data.map((row) => comparable(row[sort])).filter((value) => value !== undefined);
      const ordered = values.every((value, place) => place === 0 || sign * (value - values[place - 1]) >= 0);
      checks.holds(ordered, `${path}?sort=${sort}&order=${order} is not in order`);
    }
  }
}

/// Times and amounts by value; how text sorts is the database's affair.
function comparable(value) {
  if (typeof value === 'number') return value;
  if (typeof value !== 'string') return undefined;
  if (/^\d{4}-\d\d-\d\dT/.test(value)) return Date.parse(value);
  return /^-?\d+\.\d+$/.test(value) ? Number(value) : undefined;
}

async function lookUps(checks, owner) {
  const paths = (await operations()).filter(({ path }) => path.endsWith('/all')).map(({ path }) => path);
  checks.holds(paths.length >= 5, `${paths.length} look-ups are few`);
  for (const path of paths) {
    const rows = await owner.get(path);
    checks.holds(Array.isArray(rows) && rows.length > 0 && rows.every((row) => row.id ?? row.name), `${path} is no list`);
    checks.problem(await owner.call('GET', `${path}?limit=1`), 400, 'INVALID', 'limit');
  }
}
