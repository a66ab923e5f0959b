// What a suite keeps: every row of its database, and every line of its logs.

import { spawn } from 'node:child_process';
import { createReadStream, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

import { found } from './numbers.mjs';

/// Bytes as `pg_dump` writes them.
const BYTES = /\\\\x((?:[0-9a-f]{2})+)/g;

/// What the runner tells of the suite.
export function suiteState() {
  const file = process.env.SUITE_STATE;
  if (!file) throw new Error('SUITE_STATE is not set: run this as `dev suite -- e2e/67-card-numbers.mjs`');
  return JSON.parse(readFileSync(file, 'utf8'));
}

/// The numbers that stand in the database, each with the table of its first row. Sealed values are not looked into:
/// what is to be sealed is refused by the same rule.
export async function inDatabase(numbers) {
  const dump = spawn('pg_dump', [suiteState().databaseUrl], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise((done) => dump.on('close', done));
  let table = '';
  let rows = 0;
  const hits = new Map();
  for await (const line of createInterface({ input: dump.stdout })) {
    if (line === '\\.') table = '';
    else if (line.startsWith('COPY ')) table = line.split(' ')[1];
    else if (table !== '') rows += 1;
    const shown = line.replaceAll(BYTES, (_, hex) => ` ${Buffer.from(hex, 'hex').toString('latin1')} `);
    for (const number of [...found(line, numbers), ...found(shown, numbers)]) {
      if (!hits.has(number)) hits.set(number, table);
    }
  }
  const code = await ended;
  if (code !== 0) throw new Error(`pg_dump ended with ${code}`);
  return { hits, rows };
}

/// The numbers that stand in any log of the suite, each with the process that wrote it.
export async function inLogs(numbers) {
  let lines = 0;
  const hits = new Map();
  for (const [name, { log }] of Object.entries(suiteState().processes)) {
    for await (const line of createInterface({ input: createReadStream(log) })) {
      lines += 1;
      for (const number of found(line, numbers)) if (!hits.has(number)) hits.set(number, name);
    }
  }
  return { hits, lines };
}
