#!/usr/bin/env node
// A shop moves in: accounts and their members come from a CSV file through the gateway, all of them or none, and the
// export says the same.

import { Person, Report, call, eventually, uuid } from './lib.mjs';

const FAMILIES = 1000;
const HEADER = 'account,kind,name,email,member_first_name,member_last_name,member_born_on';

const report = new Report();
const owner = await Person.signIn('owner@demo.test');
const clerk = await Person.signIn('clerk@demo.test');
const mark = uuid().slice(-6);

/// Two rows for each family.
function families(count) {
  const rows = [HEADER];
  for (let n = 0; n < count; n++) {
    rows.push(`${n},family,"Import ${mark}, family ${n}",${mark}.${n}@import.test,Ann,Of${n},1980-05-01`);
    rows.push(`${n},,,,Ben,Of${n},2016-03-01`);
  }
  return rows.map((row) => `${row}\r\n`).join('');
}

const open = (dryRun) => owner.post('/v1/account-imports', { fileName: 'accounts.csv', dryRun });
const put = (person, id, raw) =>
  person.call('PUT', `/v1/account-imports/${id}/content`, { raw, headers: { 'content-type': 'text/csv' } });
const ended = (id, ...states) =>
  eventually(`the import to be ${states.join(' or ')}`, 60, async () => {
    const now = await owner.get(`/v1/account-imports/${id}`);
    return states.includes(now.state) && now;
  });
const imported = async () =>
  (await owner.get(`/v1/accounts?q=${encodeURIComponent(`Import ${mark}`)}&limit=1`)).pagination.total;

await report.group('a file with wrong rows is refused as a whole, and each is named by line and column', async (checks) => {
  const rows = families(50).split('\r\n');
  rows[7] = rows[7].replace('family', 'club');
  rows[20] = rows[20].replace('2016-03-01', '2016-02-30');
  const { id } = await open(false);
  const sent = await put(owner, id, rows.join('\r\n'));
  checks.equal(sent.json?.state, 'uploaded', sent.text);
  const rejected = await ended(id, 'rejected', 'published');
  checks.equal([rejected.state, rejected.errors], ['rejected', 2], 'the end');
  const errors = (await owner.get(`/v1/account-imports/${id}/errors?sort=line`)).data;
  const named = errors.map(({ line, field }) => [line, field]);
  checks.equal(named, [[8, 'kind'], [21, 'member_born_on']], 'what is wrong');
  checks.holds((await imported()) === 0, 'no row of it came in');
});

await report.group('a good file comes in as a whole, once, while it says how far it is', async (checks) => {
  const { id } = await open(true);
  const content = families(FAMILIES);
  const refused = await put(clerk, id, content);
  checks.problem(refused, 403, 'PERMISSION_DENIED');
  const sent = await put(owner, id, content);
  checks.equal(sent.json?.bytes, Buffer.byteLength(content), sent.text);
  const again = await put(owner, id, content);
  checks.problem(again, 409, 'IMPORT_IN_OTHER_STATE');
  const checked = await ended(id, 'checked', 'rejected');
  checks.equal([checked.rows, checked.accounts, checked.errors], [2 * FAMILIES, FAMILIES, 0], 'what was checked');
  checks.holds((await imported()) === 0, 'a dry run brings nothing in');
  await owner.post(`/v1/account-imports/${id}/publish`);
  const published = await ended(id, 'published', 'failed');
  checks.equal([published.state, await imported()], ['published', FAMILIES], 'the end');
});

await report.group('what is too long, or no upload, is refused', async (checks) => {
  const { id } = await open(true);
  const long = await put(owner, id, 'x'.repeat(64 * 1024 * 1024 + 1));
  checks.problem(long, 413);
  const nobody = await call('PUT', `/v1/account-imports/${id}/content`, { raw: 'x' });
  checks.problem(nobody, 401);
  const nowhere = await put(owner, uuid(), 'x');
  checks.problem(nowhere, 404, 'ACCOUNT_IMPORT_NOT_FOUND');
  await owner.post(`/v1/account-imports/${id}/discard`);
});

await report.group('the export says what came in, row by row', async (checks) => {
  const file = await owner.call('GET', '/v1/accounts/export.csv');
  checks.equal([file.status, file.headers.get('content-type')], [200, 'text/csv; charset=utf-8'], 'the file');
  const rows = file.text.split(/\r?\n/).filter((row) => row.includes(`Import ${mark}, family`));
  checks.holds(rows.length >= FAMILIES, `every family is there: ${rows.length}`);
  for (const n of [0, 1, FAMILIES - 1]) {
    const own = rows.filter((row) => row.includes(`Import ${mark}, family ${n}"`));
    const [ann] = own.filter((row) => row.includes(`${mark}.${n}@import.test`) && row.includes('1980-05-01'));
    checks.holds(ann, `family ${n}: ${own}`);
  }
});

report.end();
