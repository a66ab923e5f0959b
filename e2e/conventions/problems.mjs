// What is wrong comes back as one form of problem, whoever finds it: routes, methods, bodies, ids, headers.

import { NOBODY, call, each, expect, operations, places, uuid } from '../lib.mjs';

const TOO_LONG = 2 * 1024 * 1024 + 1;

export async function refusing(owner, clerk, report) {
  const table = await operations();
  await report.group('what is not there is a problem that names it', (checks) => missing(checks, owner, table));
  await report.group('every path says which methods it takes', (checks) => methods(checks, owner, table));
  await report.group('bodies that are no JSON, too long or of another kind are refused', (checks) =>
    bodies(checks, owner, table),
  );
  await report.group('all that is wrong with a body comes back by path', (checks) => paths(checks, clerk));
  await report.group('every request has an id, and every answer is closed to strangers', (checks) =>
    headers(checks, owner),
  );
  await report.group('problems and the document have pages to read', (checks) => pages(checks));
}

async function missing(checks, owner, table) {
  for (const path of ['/v1/nothing', '/v1', '/v2/accounts', '/v1/accounts/', '/index.php']) {
    checks.problem(await owner.call('GET', path), 404, 'ROUTE_NOT_FOUND');
  }
  const reads = table.filter(({ method, path }) => method === 'GET' && /\{id\}$/.test(path));
  checks.holds(reads.length >= 10, `${reads.length} things can be read`);
  await each(reads, async ({ path }) => {
    const answer = await owner.call('GET', path.replace('{id}', NOBODY));
    checks.problem(answer, 404);
    checks.holds(/_NOT_FOUND$/.test(answer.json.code), `${answer.name}: ${answer.json.code}`);
    for (const id of ['7', 'not-an-id', `${NOBODY}0`, '%00', '%F0%9F%8E%BB', "'or'1'='1"]) {
      checks.problem(await owner.call('GET', path.replace('{id}', id)), 400, 'INVALID', 'id');
    }
  });
}

async function methods(checks, owner, table) {
  const paths = [...new Set(table.map(({ path }) => path))];
  await each(paths, async (path) => {
    const own = table.filter((operation) => operation.path === path);
    const [place] = places(own[0]);
    const other = ['PUT', 'DELETE', 'PATCH', 'POST', 'GET'].find((method) => !own.some((one) => one.method === method));
    const answer = await owner.call(other, place.replaceAll(/\{[^}]+\}/g, NOBODY), {
      body: other === 'GET' ? undefined : {},
    });
    checks.problem(answer, 405, 'METHOD_NOT_ALLOWED');
    const allowed = (answer.headers.get('allow') ?? '')
      .split(',')
      .filter((method) => method !== 'HEAD')
      .sort();
    checks.equal(allowed, own.map(({ method }) => method).sort(), `${answer.name}: Allow`);
  });
}

async function bodies(checks, owner, table) {
  await each(
    table.filter(({ hasBody }) => hasBody),
    async ({ method, path }) => {
      const send = (raw, type = 'application/json', more = {}) =>
        owner.call(method, path.replaceAll(/\{[^}]+\}/g, NOBODY), {
          raw,
          headers: { 'content-type': type, 'idempotency-key': uuid(), ...more },
        });
      checks.problem(await send('name=x', 'application/x-www-form-urlencoded'), 415, 'UNSUPPORTED_MEDIA_TYPE');
      checks.problem(await send('{}', 'text/plain'), 415, 'UNSUPPORTED_MEDIA_TYPE');
      checks.problem(await send('{}', 'application/json; charset=latin1'), 415, 'UNSUPPORTED_MEDIA_TYPE');
      checks.problem(
        await send('{}', 'application/json', { 'content-encoding': 'gzip' }),
        415,
        'UNSUPPORTED_MEDIA_TYPE',
      );
      for (const wrong of [
        '{"name": ',
        '[]',
        'null',
        '"text"',
        '7',
        '{} {}',
        '{"a": 1,}',
        Buffer.from([0x7b, 0xff, 0x7d]),
      ]) {
        checks.problem(await send(wrong), 400, 'MALFORMED_JSON');
      }
      checks.problem(await send('{"noSuchField": 1}'), 400, 'INVALID', 'noSuchField');
      checks.problem(await send(`"${'x'.repeat(TOO_LONG)}"`), 413, 'BODY_TOO_LARGE');
    },
    4,
  );
}

async function paths(checks, clerk) {
  const wrong = await clerk.call('POST', '/v1/sales/quote', {
    body: {
      registerId: 7,
      lines: [{ quantity: '1' }, { quantity: '1', unitPrice: '1.234', discount: { percent: 10 } }, 'line'],
    },
  });
  checks.problem(wrong, 400, 'INVALID');
  const fields = wrong.json.errors.map((error) => error.field).sort();
  checks.equal(
    fields,
    ['lines[1].discount.percent', 'lines[1].unitPrice', 'lines[2]', 'registerId'],
    'what the gateway finds',
  );
  const deeper = await clerk.call('POST', '/v1/sales/quote', {
    body: {
      registerId: NOBODY,
      lines: [
        { productId: 'x', quantity: '-1' },
        { description: 'Reed', quantity: 'two' },
      ],
    },
  });
  checks.problem(deeper, 400, 'INVALID');
  const found = deeper.json.errors.map((error) => error.field);
  checks.holds(
    ['lines[0].productId', 'lines[0].quantity'].every((field) => found.includes(field)),
    `a service finds ${found}`,
  );
  // Hundreds of wrong lines are refused like one.
  const lines = Array.from({ length: 200 }, () => ({ productId: 'x', quantity: '0' }));
  const many = await clerk.call('POST', '/v1/sales/quote', { body: { registerId: NOBODY, lines } });
  checks.problem(many, 400, 'INVALID');
  checks.holds(many.json.errors.length > 0, 'nothing is named');
}

async function headers(checks, owner) {
  const sent = await owner.call('GET', '/v1/accounts?limit=1', { headers: { 'x-request-id': 'till-7-0042' } });
  checks.equal(sent.headers.get('x-request-id'), 'till-7-0042', 'the request id that was sent');
  const none = await owner.call('GET', '/v1/accounts?limit=1');
  checks.holds(/^[0-9a-f-]{36}$/.test(none.headers.get('x-request-id')), 'a request id is made');
  for (const wrong of ['with blanks in it', 'x'.repeat(1000)]) {
    const answer = await owner.call('GET', '/v1/nothing', { headers: { 'x-request-id': wrong } });
    checks.problem(answer, 404);
    checks.holds(answer.headers.get('x-request-id') !== wrong, `${wrong.slice(0, 20)} is echoed`);
  }
  // The id leads from the answer to the audit record.
  const id = uuid();
  const body = { kind: 'individual', name: `Traced ${id}` };
  expect(await owner.call('POST', '/v1/accounts', { body, headers: { 'x-request-id': id } }), 201);
  const records = (await owner.get(`/v1/accounts/audit-records?requestId=${id}`)).data;
  checks.equal(
    records.map((record) => record.requestId),
    [id],
    'the audit record of the request',
  );
  for (const path of ['/v1/accounts', '/v1/nothing', '/docs', '/openapi.json']) {
    const { headers: answered } = await owner.call('GET', path);
    checks.equal(answered.get('x-content-type-options'), 'nosniff', `${path}: X-Content-Type-Options`);
    checks.equal(answered.get('x-frame-options'), 'DENY', `${path}: X-Frame-Options`);
    checks.holds(
      answered.get('content-security-policy')?.includes("default-src 'none'"),
      `${path}: Content-Security-Policy`,
    );
    checks.holds(answered.get('referrer-policy') === 'no-referrer', `${path}: Referrer-Policy`);
  }
  const long = await owner.call('GET', '/v1/products?limit=100', { headers: { 'accept-encoding': 'gzip' } });
  checks.equal(long.headers.get('content-encoding'), 'gzip', 'a long answer is compressed');
}

async function pages(checks) {
  for (const [path, type] of [
    ['/', 'text/html'],
    ['/docs', 'text/html'],
    ['/problems', 'text/html'],
    ['/problems/sku-taken', 'text/html'],
    ['/healthz', 'text/plain'],
    ['/readyz', 'application/json'],
    ['/metrics', 'text/plain'],
    ['/v1/version', 'application/json'],
    ['/openapi.json', 'application/json'],
    ['/.well-known/jwks.json', 'application/json'],
  ]) {
    const answer = await call('GET', path);
    checks.equal(answer.status, 200, path);
    checks.holds(
      answer.headers.get('content-type')?.startsWith(type),
      `${path}: ${answer.headers.get('content-type')}`,
    );
    const foreign = answer.text.match(/(?:src|href)="https?:\/\/[^"]+"/g) ?? [];
    checks.equal(type === 'text/html' ? foreign : [], [], `${path}: foreign hosts`);
  }
  // Every problem that came back so far says where its page is.
  for (const type of checks.types) {
    const answer = await call('GET', type);
    checks.equal(answer.status, 200, `the page ${type}`);
  }
}
