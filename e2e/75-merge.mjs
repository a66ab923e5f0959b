#!/usr/bin/env node
// Two accounts turn out to be one, and do not after all: through the gateway, over the suite. Ids lead where they must,
// what was sold keeps what it says, and the books are the same to the cent.

import { Person, Report, closeTill, eventually, goods, openTill, uuid } from './lib.mjs';

const report = new Report();
const owner = await Person.signIn('owner@demo.test');
const clerk = await Person.signIn('clerk@demo.test');
const till = await openTill(owner, clerk);
const [product] = await goods(clerk, till, 1);

const open = (name) => owner.post('/v1/accounts', { kind: 'family', name, tags: [name] });
const name = uuid().slice(-6);
const target = await open(`Miller ${name}`);
const source = await open(`Millar ${name}`);
const member = await owner.post(`/v1/accounts/${source.id}/members`, { firstName: 'Ben', lastName: 'Millar' });
const card = await owner.post(`/v1/accounts/${source.id}/payment-methods`, {
  processor: 'stripe',
  providerToken: `pm_journey_${uuid()}`,
});

/// A sale to an account; a draft without tenders.
const sellTo = (account, complete) =>
  clerk.post('/v1/sales', {
    id: uuid(),
    registerId: till.registerId,
    accountId: account.id,
    lines: [{ productId: product, quantity: '1' }],
    tenders: complete ? [{ kind: 'cash', amount: '9999.00' }] : [],
    complete,
  });
const sold = await eventually('the till to know the account', 15, async () => {
  const answer = await sellTo(source, true).catch(() => null);
  return answer;
});
const draft = await sellTo(source, false);
const theirs = await eventually('the till to know the other account', 15, () => sellTo(target, true).catch(() => null));

/// The entries of a sale, in full.
const entriesOf = async (sale) => (await owner.get(`/v1/journal-entries?sourceId=${sale.id}`)).data;
const booked = await eventually('the entries', 15, async () => {
  const entries = [...(await entriesOf(sold)), ...(await entriesOf(theirs))];
  return entries.length >= 4 && entries;
});
const bare = (entries) => entries.map(({ seal, hash, ...entry }) => entry);
const salesOf = async (id) => (await owner.get(`/v1/sales?accountId=${id}`)).data.map((sale) => sale.id).sort();

let merge;

await report.group('everything goes over, and the old id and number lead to what stands', async (checks) => {
  merge = await owner.post(`/v1/accounts/${target.id}/merge`, { sourceId: source.id, reason: 'the same family' });
  for (const old of [source.id, source.number]) {
    const found = await owner.get(`/v1/accounts/${old}`);
    checks.equal([found.id, found.redirectedFrom], [target.id, old], `what ${old} leads to`);
  }
  checks.equal((await owner.get(`/v1/members/${member.id}`)).accountId, target.id, 'the member');
  checks.equal((await owner.get(`/v1/payment-methods/${card.id}`)).accountId, target.id, 'the payment method');
});

await report.group('open sales follow, completed ones keep what they say, and all are found', async (checks) => {
  const all = [sold.id, draft.id, theirs.id].sort();
  await eventually('the till to hear of the merge', 15, async () => (await salesOf(source.id)).length === 3);
  checks.equal(await salesOf(source.id), all, 'by the old id');
  checks.equal(await salesOf(target.id), all, 'by the new id');
  checks.equal((await owner.get(`/v1/sales/${draft.id}`)).accountId, target.id, 'the open sale');
  checks.equal((await owner.get(`/v1/sales/${sold.id}`)).accountId, source.id, 'the completed sale');
  const receipt = await owner.get(`/v1/sales/${sold.id}/receipt`);
  checks.equal(receipt.sale.accountName, source.name, 'the printed name');
});

await report.group('the books do not change, and statements find both', async (checks) => {
  const entries = await eventually('the ledger to hear of the merge', 15, async () => {
    const { data } = await owner.get(`/v1/journal-entries?accountId=${source.id}`);
    return data.length === 2 && data;
  });
  checks.equal(entries.map((entry) => entry.accountId).sort(), [source.id, target.id].sort(), 'whose they are');
  const now = [...(await entriesOf(sold)), ...(await entriesOf(theirs))];
  checks.equal(bare(now), bare(booked), 'the entries');
});

await report.group('undoing puts everything back', async (checks) => {
  const undone = await owner.post(`/v1/account-merges/${merge.id}/undo`);
  checks.equal([undone.state, undone.moved.every((row) => row.left === null)], ['undone', true], 'the merge');
  const back = await owner.get(`/v1/accounts/${source.number}`);
  checks.equal([back.id, back.redirectedFrom, back.tags], [source.id, null, source.tags], 'the account');
  checks.equal((await owner.get(`/v1/members/${member.id}`)).accountId, source.id, 'the member');
  checks.equal((await owner.get(`/v1/payment-methods/${card.id}`)).isDefault, true, 'the payment method');
  await eventually('the till to hear of it', 15, async () => (await salesOf(source.id)).length === 2);
  checks.equal(await salesOf(target.id), [theirs.id], 'the sales');
  const now = [...(await entriesOf(sold)), ...(await entriesOf(theirs))];
  checks.equal(bare(now), bare(booked), 'the entries');
});

await clerk.post(`/v1/sales/${draft.id}/void`, { reason: 'the journey is over' });
await closeTill(clerk, till);
report.end();
