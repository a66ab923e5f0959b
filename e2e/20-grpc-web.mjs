#!/usr/bin/env node
// A TypeScript client of a web page (@connectrpc/connect-web): its types are made from the protos and checked by the
// compiler, then it signs in, lists, quotes, sells, and reads the details of refusals, through the gateway.

import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

import { BASE_URL, PASSWORD, Person, Report, closeTill, goods, openTill, uuid } from './lib.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const TOOLS = join(ROOT, 'node_modules/.bin');
const GENERATE = {
  version: 'v2',
  // google/api is imported by every service, so it is made too.
  plugins: [
    {
      local: join(TOOLS, 'protoc-gen-es'),
      out: 'made',
      include_imports: true,
      opt: ['target=ts', 'import_extension=js'],
    },
  ],
  inputs: [{ directory: ROOT }, { directory: 'details' }],
};
/// The part of google/rpc/error_details.proto that the client reads; the services' crates bring their own.
const DETAILS = `syntax = "proto3";
package google.rpc;
message ErrorInfo { string reason = 1; string domain = 2; map<string, string> metadata = 3; }
message BadRequest {
  message FieldViolation { string field = 1; string description = 2; }
  repeated FieldViolation field_violations = 1;
}
`;

/// Below the clone, so that the client finds its packages.
function build() {
  mkdirSync(join(ROOT, '.data'), { recursive: true });
  const work = mkdtempSync(join(ROOT, '.data/grpc-web-'));
  process.on('exit', () => rmSync(work, { recursive: true, force: true }));
  mkdirSync(join(work, 'details/google/rpc'), { recursive: true });
  writeFileSync(join(work, 'details/google/rpc/error_details.proto'), DETAILS);
  writeFileSync(join(work, 'package.json'), '{"type": "module"}');
  const run = (tool, ...words) =>
    execFileSync(join(TOOLS, tool), words, { cwd: work, stdio: ['ignore', 'inherit', 'inherit'] });
  run('buf', 'generate', '--template', JSON.stringify(GENERATE));
  copyFileSync(join(ROOT, 'e2e/grpc-web/journey.ts'), join(work, 'made/journey.ts'));
  copyFileSync(join(ROOT, 'e2e/grpc-web/tsconfig.json'), join(work, 'made/tsconfig.json'));
  run('tsc', '--project', 'made', '--outDir', 'built');
  return pathToFileURL(join(work, 'built/journey.js')).href;
}

const report = new Report();
let journey;
await report.group('the TypeScript client is made from the protos, and its types hold', async (checks) => {
  journey = await import(build());
  checks.holds(typeof journey.selling === 'function', 'the journey is no module');
});
if (!journey) report.end();

const [owner, clerk] = [await Person.signIn('owner@demo.test'), await Person.signIn('clerk@demo.test')];
const till = await openTill(owner, clerk);
const shop = {
  baseUrl: BASE_URL,
  password: PASSWORD,
  registerId: till.registerId,
  productIds: await goods(clerk, till, 2),
  saleId: uuid(),
};
await report.group('the clerk signs in over gRPC-web', (checks) => journey.signingIn(shop, checks));
await report.group('the clerk lists products, with money as exact integers', (checks) => journey.listing(shop, checks));
await report.group('the clerk quotes and sells, and the repeated request changes nothing', (checks) =>
  journey.selling(shop, checks),
);
await report.group('refusals arrive with code, reason and fields', (checks) => journey.refusing(shop, checks));
await closeTill(clerk, till);
report.end();
