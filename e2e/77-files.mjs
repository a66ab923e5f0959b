#!/usr/bin/env node
// Files of a member: sent as they are, listed, given to whoever has the link, and gone with it; what is too long, or
// something else than it says, is refused.

import { createHash, randomBytes } from 'node:crypto';

import { BASE_URL, Person, Report, uuid } from './lib.mjs';

const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==',
  'base64',
);
const NAME = 'Einverständnis.pdf';
const BYTES_MAX = 10 * 1024 * 1024;

const report = new Report();
const owner = await Person.signIn('owner@demo.test');
const clerk = await Person.signIn('clerk@demo.test');
const viewer = await Person.signIn('viewer@demo.test');

const account = await owner.post('/v1/accounts', { kind: 'family', name: `Filed ${uuid().slice(-6)}` });
const member = await owner.post(`/v1/accounts/${account.id}/members`, { firstName: 'Ann', lastName: 'Filed' });
const place = `/v1/members/${member.id}/files`;

/// Sends a file as it is.
const send = (who, query, raw, { type = 'application/octet-stream', key = uuid() } = {}) =>
  who.call('POST', `${place}?${query}`, { raw, headers: { 'content-type': type, 'idempotency-key': key } });

/// What a link gives, to somebody who is not signed in.
async function open(path) {
  const answer = await fetch(BASE_URL + path);
  return { status: answer.status, headers: answer.headers, bytes: Buffer.from(await answer.arrayBuffer()) };
}

const form = Buffer.concat([Buffer.from('%PDF-1.7\n'), randomBytes(3 * 1024 * 1024)]);
let sent;

await report.group('a file is taken as it is, once', async (checks) => {
  const key = uuid();
  const query = `purpose=form&name=${encodeURIComponent(NAME)}`;
  const first = await send(clerk, query, form, { type: 'application/pdf', key });
  checks.equal(first.status, 201, first.text.slice(0, 200));
  sent = first.json;
  checks.equal(first.headers.get('location'), `/v1/files/${sent.id}`, 'Location');
  checks.equal(first.headers.get('etag'), `"${sent.etag}"`, 'ETag');
  checks.equal([sent.contentType, sent.sizeBytes, sent.name], ['application/pdf', form.length, NAME], 'what was taken');
  checks.equal(sent.sha256, createHash('sha256').update(form).digest('hex'), 'its hash');
  const again = await send(clerk, query, form, { type: 'application/pdf', key });
  checks.equal([again.status, again.headers.get('idempotency-replayed')], [201, 'true'], 'the same again');
  checks.equal(again.json, sent, 'the answer to the same again');
  checks.problem(await send(clerk, query, PNG, { key }), 409, 'IDEMPOTENCY_KEY_REUSED');
  checks.equal((await viewer.get(place)).data, [sent], 'the list');
  checks.equal((await viewer.get(`${place}?purpose=photo`)).pagination.total, 0, 'photos');
  checks.equal(await viewer.get(`/v1/files/${sent.id}`), sent, 'what is read');
});

await report.group('the newest photo takes the place of the one before', async (checks) => {
  const photos = await Promise.all([1, 2, 3].map(() => send(clerk, 'purpose=photo&name=ann.pdf', PNG)));
  checks.equal(photos.map(({ status }) => status), [201, 201, 201], 'three at once');
  const { data } = await viewer.get(`${place}?purpose=photo`);
  checks.equal([data.length, data[0]?.contentType], [1, 'image/png'], 'what is left');
});

await report.group('a link gives the file to whoever has it, and nothing when the file is gone', async (checks) => {
  const link = await viewer.post(`/v1/files/${sent.id}/link`);
  const minutes = (Date.parse(link.expiresAt) - Date.now()) / 60_000;
  checks.holds(minutes > 4 && minutes <= 5, `it holds for ${minutes} minutes`);
  const given = await open(link.url);
  checks.equal(given.status, 200, 'the link');
  checks.holds(given.bytes.equals(form), `${given.bytes.length} bytes are not what was sent`);
  for (const [name, value] of [
    ['content-type', 'application/pdf'],
    ['content-length', String(form.length)],
    ['content-disposition', "attachment; filename*=UTF-8''Einverst%C3%A4ndnis.pdf"],
    ['x-content-type-options', 'nosniff'],
    ['cache-control', 'no-store'],
  ]) {
    checks.equal(given.headers.get(name), value, name);
  }
  for (const forged of [link.url.slice(0, -2), `${link.url}x`, link.url.replace(sent.id, uuid()), '/v1/file-links/x']) {
    checks.problem(await owner.call('GET', forged), 404, 'FILE_LINK_NOT_FOUND');
  }
  checks.problem(await clerk.call('DELETE', `/v1/files/${sent.id}`), 403, 'PERMISSION_DENIED');
  checks.equal((await owner.call('DELETE', `/v1/files/${sent.id}`)).status, 204, 'it is removed');
  checks.problem(await owner.call('GET', link.url), 404, 'FILE_LINK_NOT_FOUND');
  checks.problem(await owner.call('GET', `/v1/files/${sent.id}`), 404, 'FILE_NOT_FOUND');
  checks.problem(await owner.call('POST', `/v1/files/${sent.id}/link`, { body: {} }), 404, 'FILE_NOT_FOUND');
});

await report.group('what is too long, or something else, is refused', async (checks) => {
  const long = Buffer.concat([PNG, Buffer.alloc(BYTES_MAX)]);
  checks.problem(await send(clerk, 'purpose=form&name=long.png', long), 413, 'BODY_TOO_LARGE');
  const longest = await send(clerk, 'purpose=form&name=full.png', long.subarray(0, BYTES_MAX));
  checks.equal(longest.status, 201, `${longest.name} of the greatest length`);
  const web = Buffer.from('<html><script>alert(1)</script></html>');
  checks.problem(await send(clerk, 'purpose=form&name=a.html', web), 400, 'FILE_KIND_REFUSED');
  const pdf = { type: 'application/pdf' };
  checks.problem(await send(clerk, 'purpose=form&name=a.pdf', PNG, pdf), 400, 'FILE_KIND_REFUSED');
  checks.problem(await send(clerk, 'purpose=photo&name=a.pdf', form), 400, 'FILE_KIND_REFUSED');
  checks.problem(await send(clerk, 'purpose=form&name=a.png', Buffer.alloc(0)), 400, 'FILE_EMPTY');
  checks.problem(await send(clerk, 'purpose=form', PNG), 400, 'INVALID', 'name');
  checks.problem(await send(clerk, 'purpose=form&name=..%2Fa', PNG), 400, 'INVALID', 'name');
  checks.problem(await send(clerk, 'purpose=form&name=4111%201111%201111%201111', PNG), 400, 'INVALID', 'name');
  checks.problem(await send(clerk, 'purpose=poem&name=a.png', PNG), 400, 'INVALID', 'purpose');
  checks.problem(await send(clerk, 'name=a.png', PNG), 400, 'INVALID', 'purpose');
  checks.problem(await send(viewer, 'purpose=form&name=a.png', PNG), 403, 'PERMISSION_DENIED');
});

report.end();
