// Reads `/v1/events` as a browser does: server-sent events, one after another, and the id to come back with.

import { BASE_URL, eventually } from './lib.mjs';

export class Stream {
  /// What was told: kind, subject and the id to resume from.
  events = [];
  lastId = '';
  ended = false;
  #abort = new AbortController();
  #rest = '';

  /// Opens the stream, after `lastId` where there is one, and waits until every service has said where it is.
  static async open(person, { lastId, byQuery } = {}) {
    const stream = new Stream();
    const headers = { authorization: `Bearer ${person.token}` };
    if (lastId && !byQuery) headers['last-event-id'] = lastId;
    const query = lastId && byQuery ? `?lastEventId=${lastId}` : '';
    const response = await fetch(`${BASE_URL}/v1/events${query}`, { headers, signal: stream.#abort.signal });
    stream.response = response;
    if (response.status !== 200) throw new Error(`/v1/events answered ${response.status}: ${await response.text()}`);
    stream
      .#read(response.body)
      .catch(() => {})
      .finally(() => {
        stream.ended = true;
      });
    await eventually('the position of every service', 3, () => stream.isPlaced());
    return stream;
  }

  close() {
    this.#abort.abort();
  }

  /// Waits for an event, and answers it.
  until(kind, subjectId, seconds = 15) {
    const sought = (event) => event.kind === kind && event.subjectId === subjectId;
    return eventually(`${kind} of ${subjectId}`, seconds, () => this.events.find(sought));
  }

  of(kind) {
    return this.events.filter((event) => event.kind === kind).map((event) => event.subjectId);
  }

  /// An id holds one cursor for each service.
  isPlaced() {
    if (!this.lastId) return false;
    return Object.keys(JSON.parse(Buffer.from(this.lastId, 'base64url').toString())).length === 5;
  }

  async #read(body) {
    const decoder = new TextDecoder();
    for await (const chunk of body) {
      this.#rest += decoder.decode(chunk, { stream: true });
      const blocks = this.#rest.split('\n\n');
      this.#rest = blocks.pop();
      blocks.forEach((block) => this.#take(block));
    }
  }

  #take(block) {
    const lines = block.split('\n').filter((line) => line && !line.startsWith(':'));
    const field = (name) => lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
    this.lastId = field('id') ?? this.lastId;
    const data = field('data');
    if (data) this.events.push({ ...JSON.parse(data), event: field('event'), resumeId: this.lastId });
  }
}
