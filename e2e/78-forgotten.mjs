#!/usr/bin/env node
// Somebody asks what the shop knows of him, and then to be forgotten: all of it is told, nothing of him is left but his
// number, and the books do not change by a cent.

import { Person, Report, closeTill, eventually, goods, openTill, uuid } from './lib.mjs';

const report = new Report();
const owner = await Person.signIn('owner@demo.test');
const clerk = await Person.signIn('clerk@demo.test');
const till = await openTill(owner, clerk);
const [product] = await goods(clerk, till, 1);

const word = `Zebulon${uuid().slice(-6)}`;
const account = await owner.post('/v1/accounts', { kind: 'individual', name: `${word} Quist`, email: `${word}@quist.test` });
const member = await owner.post(`/v1/accounts/${account.id}/members`, {
  firstName: word,
  lastName: 'Quist',
  email: `${word}@quist.test`,
  bornOn: '1980-05-01',
});
await owner.post(`/v1/members/${member.id}/notes`, { text: `${word} is allergic to rosin`, sensitive: true });
await eventually('identity to know the member', 15, async () => {
  const asked = await owner.call('POST', '/v1/portal-users', { body: { memberId: member.id } });
  return asked.status === 201;
});
const sale = await eventually('the till to know the account', 15, () =>
  clerk
    .post('/v1/sales', {
      id: uuid(),
      registerId: till.registerId,
      accountId: account.id,
      memberId: member.id,
      lines: [{ productId: product, quantity: '1' }],
      tenders: [{ kind: 'cash', amount: '9999.00' }],
      complete: true,
    })
    .catch(() => null),
);
const entriesOf = async () => (await owner.get(`/v1/journal-entries?sourceId=${sale.id}`)).data;
const booked = await eventually('the entries', 15, async () => {
  const entries = await entriesOf();
  return entries.length >= 2 && entries.every((entry) => entry.seal) && entries;
});
const balance = async () => (await owner.get('/v1/reports/trial-balance')).data;
const before = await balance();

await report.group('who asks is told all that the shop knows of him, wherever it is kept', async (checks) => {
  const known = await owner.post(`/v1/members/${member.id}/personal-data`);
  checks.equal(known.member?.[0]?.first_name, word, 'his name');
  checks.equal(known.note?.[0]?.text, `${word} is allergic to rosin`, 'what is sealed is opened');
  checks.equal(known.pos?.sale?.map((sale) => sale.id), [sale.id], 'what he bought');
  checks.equal(known.identity?.user?.[0]?.email, `${word}@quist.test`, 'how he signs in');
});

await report.group('nothing of who is forgotten is left but his number', async (checks) => {
  const forgotten = await owner.post(`/v1/members/${member.id}/erase`, { reason: 'letter of this morning' });
  checks.equal([forgotten.firstName, forgotten.lastName], ['Member', member.number], 'his name');
  checks.equal((await owner.get(`/v1/accounts/${account.id}`)).name, `Account ${account.number}`, 'his account');
  for (const list of ['accounts', 'members', 'portal-users']) {
    const found = await eventually(`${list} to forget him`, 15, async () => {
      const page = await owner.get(`/v1/${list}?q=${word}`);
      return page.data.every((row) => !JSON.stringify(row).includes(word)) && page;
    });
    checks.holds(found, `${list} know nothing of him`);
  }
  const again = await owner.call('POST', `/v1/members/${member.id}/erase`, { body: { reason: 'once more' } });
  checks.problem(again, 409, 'ALREADY_ERASED');
});

await report.group('the books stay as they are', async (checks) => {
  checks.equal(await balance(), before, 'the trial balance');
  const bare = (entries) => entries.map(({ accountName, ...entry }) => entry);
  checks.equal(bare(await entriesOf()), bare(booked), 'the entries of his sale');
  checks.equal((await clerk.get(`/v1/sales/${sale.id}`)).total, sale.total, 'his sale');
  for (const service of ['accounts', 'identity', 'ledger', 'pos']) {
    const { chains } = await owner.get(`/v1/${service}/audit-verification`);
    for (const { chain, brokenAt } of chains) checks.equal(brokenAt, null, `${service}: the first break of ${chain}`);
  }
});

await closeTill(clerk, till);
report.end();
