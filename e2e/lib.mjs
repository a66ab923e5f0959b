// What the journeys share: requests, sign-ins, and checks that are counted and told in one line per group.

import { randomUUID } from 'node:crypto';

export const BASE_URL = process.env.BASE_URL ?? 'http://127.0.0.1:8000';
export const PASSWORD = 'lunarfront-demo';
/// Well formed, and the id of nothing.
export const NOBODY = '01900000-0000-7000-8000-ffffffffffff';

/// Main Street of the demo shop.
export const LOCATION = '01900000-0000-7000-8000-000100000001';

const METHODS = ['get', 'post', 'put', 'patch', 'delete'];
const PATIENCE_MS = 30_000;
const FAILURES_SHOWN = 20;

/// Sends a request and reads the whole answer. `body` is sent as JSON, `raw` as it is.
export async function call(method, path, { token, body, raw, headers = {} } = {}) {
  const sent = new Headers(headers);
  if (token) sent.set('authorization', `Bearer ${token}`);
  if (body !== undefined && !sent.has('content-type')) sent.set('content-type', 'application/json');
  const response = await fetch(BASE_URL + path, {
    method,
    headers: sent,
    body: body === undefined ? raw : JSON.stringify(body),
    redirect: 'manual',
    signal: AbortSignal.timeout(PATIENCE_MS),
  });
  const text = await response.text();
  const isJson = /^application\/([a-z]+\+)?json/.test(response.headers.get('content-type') ?? '');
  return {
    name: `${method} ${path}`,
    status: response.status,
    headers: response.headers,
    text,
    json: isJson ? JSON.parse(text) : null,
  };
}

/// Somebody who is signed in.
export class Person {
  constructor(session) {
    this.email = session.user.email;
    this.user = session.user;
    this.token = session.accessToken;
    this.refreshToken = session.refreshToken;
  }

  static async signIn(email, password = PASSWORD) {
    return new Person(expect(await call('POST', '/v1/auth/login', { body: { email, password } }), 200));
  }

  call(method, path, options = {}) {
    return call(method, path, { ...options, token: this.token });
  }

  async get(path) {
    return expect(await this.call('GET', path), 200);
  }

  /// Every POST carries a key of its own.
  async post(path, body = {}, headers = {}) {
    const answer = await this.call('POST', path, { body, headers: { 'idempotency-key': randomUUID(), ...headers } });
    return expect(answer, 200, 201, 204);
  }

  /// The id of the session that the access token belongs to.
  get sessionId() {
    return JSON.parse(Buffer.from(this.token.split('.')[1], 'base64url').toString()).sid;
  }
}

/// The body of an answer with one of the statuses; anything else ends the journey.
export function expect(answer, ...statuses) {
  if (statuses.includes(answer.status)) return answer.json;
  throw new Error(`${answer.name} answered ${answer.status}: ${answer.text.slice(0, 500)}`);
}

/// Adds somebody with one role who may sign in with the demo's password.
export async function hire(owner, role) {
  const email = `${role.replaceAll('_', '-')}.${randomUUID().slice(0, 8)}@demo.test`;
  const person = { email, firstName: 'Robin', lastName: 'Road', roles: [role], password: PASSWORD };
  const user = await owner.post('/v1/users', person);
  return { id: user.id, email };
}

/// A register of the journey's own at Main Street, with an open drawer: journeys do not take each other's tills.
export async function openTill(owner, clerk) {
  const name = `Till ${randomUUID().slice(0, 8)}`;
  const register = await owner.post('/v1/registers', { locationId: LOCATION, name });
  const session = await clerk.post('/v1/drawer-sessions', { registerId: register.id, openingFloat: '100.00' });
  return { registerId: register.id, locationId: LOCATION, sessionId: session.id };
}

/// Counts what should be there, and leaves the drawer closed.
export async function closeTill(clerk, till) {
  const session = await clerk.get(`/v1/drawer-sessions/${till.sessionId}`);
  await clerk.post(`/v1/drawer-sessions/${till.sessionId}/close`, { countedCash: session.expectedCash });
}

/// The ids of `count` products with at least ten units at the location.
export async function goods(clerk, till, count) {
  const levels = await clerk.get(`/v1/stock-levels?locationId=${till.locationId}&limit=100`);
  const plenty = levels.data.filter((level) => Number(level.available) >= 10).slice(0, count);
  if (plenty.length < count) throw new Error(`fewer than ${count} products are left at the location`);
  return plenty.map((level) => level.productId);
}

/// Sells one unit of each product for more cash than it takes.
export async function sell(clerk, till, products) {
  return clerk.post('/v1/sales', {
    id: uuid(),
    registerId: till.registerId,
    lines: products.map((productId) => ({ productId, quantity: '1' })),
    tenders: [{ kind: 'cash', amount: '9999.00' }],
    complete: true,
  });
}

/// Every operation of the served document: method, path with `{variables}`, and what the document says of it.
export async function operations() {
  const document = expect(await call('GET', '/openapi.json'), 200);
  return Object.entries(document.paths).flatMap(([path, item]) =>
    METHODS.filter((method) => item[method]).map((method) => ({
      method: method.toUpperCase(),
      path,
      permission: item[method]['x-permission'],
      rpc: item[method]['x-rpc'],
      parameters: item[method].parameters ?? [],
      // What takes a file takes no JSON.
      hasBody: item[method].requestBody?.content['application/json'] !== undefined,
    })),
  );
}

/// The paths of an operation: one, or one for each service where each answers for itself.
export function places({ path, parameters }) {
  const services = parameters.find((one) => one.in === 'path' && one.name === 'service')?.schema.enum ?? [];
  return services.length === 0 ? [path] : services.map((name) => path.replace('{service}', name));
}

/// An id as clients make them: a UUID of version 7.
export function uuid() {
  const time = Date.now().toString(16).padStart(12, '0');
  const random = randomUUID();
  return `${time.slice(0, 8)}-${time.slice(8)}-7${random.slice(15)}`;
}

/// Asks again and again until the answer is truthy; fails after `seconds`.
export async function eventually(what, seconds, ask) {
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    if (Date.now() > deadline) throw new Error(`${what} did not come within ${seconds} s`);
    await new Promise((done) => setTimeout(done, 25));
  }
}

/// Waits until what was sold has left the shelves and stands in the books: totals do not grow by themselves any more.
export async function atRest(person) {
  const lists = ['journal-entries', 'stock-moves', 'reservations'];
  let before;
  await eventually('rest', 60, async () => {
    const { data } = await person.get('/v1/reports/proofs');
    const pages = await Promise.all(lists.map((list) => person.get(`/v1/${list}?limit=1`)));
    const now = JSON.stringify(pages.map((page) => page.pagination.total));
    const still = now === before && data.every((proof) => proof.state === 'agrees');
    before = now;
    if (!still) await new Promise((done) => setTimeout(done, 500));
    return still;
  });
}

/// Does all, a few at a time.
export async function each(items, work, atOnce = 8) {
  const waiting = items.values();
  const worker = async () => {
    for (const item of waiting) await work(item);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}

/// Groups of checks; the exit code says whether all held.
export class Report {
  #failed = false;

  /// One line: the sentence, and how many checks it took. What threw counts as failed.
  async group(sentence, work) {
    const checks = new Checks();
    try {
      await work(checks);
    } catch (error) {
      checks.failures.push(error.stack ?? String(error));
    }
    const { count, failures } = checks;
    if (failures.length === 0) {
      console.log(`  ok      ${sentence} (${count})`);
      return;
    }
    this.#failed = true;
    console.log(`  FAILED  ${sentence}: ${failures.length} of ${count}`);
    failures.slice(0, FAILURES_SHOWN).forEach((failure) => console.log(`            ${failure}`));
  }

  end() {
    process.exit(this.#failed ? 1 : 0);
  }
}

/// The pages about all problems that came back, such as `/problems/sku-taken`.
const TYPES = new Set();

class Checks {
  count = 0;
  failures = [];
  types = TYPES;

  holds(condition, what) {
    this.count += 1;
    if (!condition) this.failures.push(what);
  }

  equal(actual, wanted, what) {
    const [found, sought] = [JSON.stringify(actual), JSON.stringify(wanted)];
    this.holds(found === sought, `${what}: ${found} instead of ${sought}`);
  }

  /// A problem in its one form (RFC 9457), with the status and code that were sought.
  problem(answer, status, code, field) {
    this.equal(answer.status, status, `${answer.name} (${answer.text.slice(0, 200)})`);
    const { json } = answer;
    this.holds(
      answer.headers.get('content-type') === 'application/problem+json' && json,
      `${answer.name} is no problem`,
    );
    if (!json) return;
    TYPES.add(json.type);
    this.equal(json.status, answer.status, `${answer.name}: status in the body`);
    if (code) this.equal(json.code, code, `${answer.name}: code`);
    this.equal(json.requestId, answer.headers.get('x-request-id'), `${answer.name}: request id in the body`);
    const texts = ['type', 'title', 'detail', 'instance'];
    this.holds(
      texts.every((name) => typeof json[name] === 'string' && json[name]),
      `${answer.name}: a text is missing`,
    );
    this.holds(Array.isArray(json.errors), `${answer.name}: errors is no list`);
    if (field)
      this.holds(
        json.errors?.some((one) => one.field === field),
        `${answer.name}: no error of ${field}`,
      );
  }
}
