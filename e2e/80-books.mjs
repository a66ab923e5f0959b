#!/usr/bin/env node
// After all that the journeys did, right and wrong: the drawers and the shelves agree with the books to the cent,
// nothing is left unbooked, and nothing in any trail was altered.

import { LOCATION, Person, Report, eventually } from './lib.mjs';

const SERVICES = ['identity', 'accounts', 'inventory', 'pos', 'ledger'];

const report = new Report();
const owner = await Person.signIn('owner@demo.test');

await report.group('the drawers and the shelves agree with the books', async (checks) => {
  // The ledger hears; until it has heard all, it says so.
  const proofs = await eventually('the end of what is pending', 30, async () => {
    const { data } = await owner.get('/v1/reports/proofs');
    return data.every((proof) => proof.state !== 'pending') && data;
  });
  checks.equal(proofs.map((proof) => proof.control).sort(), ['drawer_cash', 'inventory'], 'what is proved');
  for (const proof of proofs) {
    checks.equal([proof.state, proof.difference], ['agrees', '0.00'], `${proof.control} (${JSON.stringify(proof)})`);
  }
});

await report.group('debits equal credits, and nothing is left unbooked', async (checks) => {
  const balance = await owner.get('/v1/reports/trial-balance');
  checks.equal(balance.totalDebit, balance.totalCredit, 'the trial balance');
  const exceptions = await owner.get('/v1/posting-exceptions');
  checks.equal(exceptions.data, [], 'posting exceptions');
});

await report.group('every trail is sealed and whole', async (checks) => {
  for (const service of SERVICES) {
    const { chains } = await owner.get(`/v1/${service}/audit-verification`);
    checks.holds(chains.length > 0, `${service} has no chain`);
    for (const { chain, brokenAt } of chains) checks.equal(brokenAt, null, `${service}: the first break of ${chain}`);
  }
});

await report.group('the demo shop is as it was', async (checks) => {
  const shop = await owner.get('/v1/shop');
  checks.equal([shop.name, shop.currency, shop.cashRoundingMinorUnits], ['Harmony Music', 'USD', 1], 'the profile');
  const rates = await owner.get(`/v1/tax-rates?locationId=${LOCATION}&taxCategory=goods`);
  checks.equal(
    rates.data.map(({ rate }) => rate),
    ['8.25'],
    'the tax on goods at Main Street',
  );
  for (const name of ['manager', 'clerk', 'viewer']) {
    checks.equal((await Person.signIn(`${name}@demo.test`)).user.state, 'active', name);
  }
});

report.end();
