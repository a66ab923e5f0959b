#!/usr/bin/env node
// The conventions of the REST API, on every route that they are about: lists, versions, blanks, repeated requests,
// amounts, problems and headers.

import { changing } from './conventions/changes.mjs';
import { listing } from './conventions/lists.mjs';
import { refusing } from './conventions/problems.mjs';
import { Person, Report, atRest } from './lib.mjs';

const report = new Report();
const owner = await Person.signIn('owner@demo.test');
const clerk = await Person.signIn('clerk@demo.test');
await atRest(owner);
await listing(owner, report);
await changing(owner, clerk, report);
await refusing(owner, clerk, report);
report.end();
