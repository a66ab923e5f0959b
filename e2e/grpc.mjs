// Calls a service itself, past the gateway: gRPC over HTTP/2 in the least that node needs for a call without fields.

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import http2 from 'node:http2';
import { dirname, join } from 'node:path';

const BLANK = Buffer.alloc(5);

/// What each process of the suite was started with.
function processes() {
  return JSON.parse(readFileSync(process.env.SUITE_STATE, 'utf8')).processes;
}

/// A service, with the operator's token for it, which holds for a minute.
export class Service {
  constructor(name) {
    const { gateway, [name]: own } = processes();
    this.name = name;
    this.token = execFileSync(join(dirname(gateway.program), 'dev'), ['token', '--for', name], {
      encoding: 'utf8',
    }).trim();
    this.session = http2.connect(`http://${own.environment.LISTEN}`);
    this.session.on('error', () => {});
  }

  /// The gRPC status of a call with a blank message, such as 0 or 16.
  call(rpc, accessToken) {
    const stream = this.session.request({
      ':method': 'POST',
      ':path': `/${rpc}`,
      'content-type': 'application/grpc',
      te: 'trailers',
      'x-service-token': this.token,
      authorization: `Bearer ${accessToken}`,
    });
    return new Promise((done, failed) => {
      let status;
      const note = (headers) => {
        status = headers['grpc-status'] ?? status;
      };
      stream.on('response', note);
      stream.on('trailers', note);
      stream.on('error', failed);
      stream.on('end', () => done(Number(status)));
      stream.resume();
      stream.end(BLANK);
    });
  }

  close() {
    this.session.close();
  }
}
