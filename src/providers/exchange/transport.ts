/**
 * Sends one HTTP request and distinguishes "not sent" from "answer lost". Follows no redirect and never resends. The
 * body is limited to 64 kB, compressed or not, and the whole request to one deadline.
 */
import http, { type IncomingMessage } from 'node:http';
import https from 'node:https';
import { inflateAnswer } from './inflate';

const CONNECT_TIMEOUT_MS = 5_000;
const BODY_MAX_BYTES = 64 * 1024;

export interface TransportRequest {
  url: string;
  /** Default: POST. */
  method?: 'GET' | 'POST' | 'DELETE';
  headers: Record<string, string>;
  body?: string;
  deadlineMs: number;
}

export interface TransportResponse {
  status: number;
  headers: [string, string][];
  body: string;
  /** The compression of the body, which was not requested. `null`: none. */
  compressed: string | null;
  /** Why the body is incomplete; otherwise `null`. The received part is kept. */
  cut: string | null;
}

/** Nothing was sent: name resolution, connection or TLS failed. `code` is Node's (`ENOTFOUND`, `ECONNREFUSED`, …). */
export class NotSentError extends Error {
  override name = 'NotSentError';
  readonly code: string;
  constructor(code: string) {
    super(`nothing was sent: ${code}`);
    this.code = code;
  }
}

/** The request was sent, but no complete response arrived. */
export class AnswerLostError extends Error {
  override name = 'AnswerLostError';
  readonly code: string;
  constructor(code: string) {
    super(`the request was sent, but no answer arrived: ${code}`);
    this.code = code;
  }
}

export interface Transport {
  send(request: TransportRequest): Promise<TransportResponse>;
}

/** Errors carry neither cause nor message of Node's client, because these can contain URLs and bodies. */
export function createTransport(): Transport {
  // Each request opens its own connection. A provider may close an idle connection just as it is reused, which looks
  // like a lost answer. Node's client does this in two thirds of the time that undici needs.
  const agents = {
    http: new http.Agent({ keepAlive: false }),
    https: new https.Agent({ keepAlive: false }),
  };
  return {
    async send({ url, method = 'POST', headers, body, deadlineMs }) {
      const address = new URL(url);
      const isSecure = address.protocol === 'https:';
      let isConnected = false;
      let timer: NodeJS.Timeout | undefined;
      try {
        const request = (isSecure ? https : http).request(address, {
          agent: isSecure ? agents.https : agents.http,
          // Ignores credentials in the URL.
          auth: null,
          method,
          headers: {
            ...headers,
            'accept-encoding': 'identity',
            // Node states no length of the body of a DELETE, so the server would not read it.
            ...(body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) }),
          },
        });
        let response: IncomingMessage | undefined;
        // Errors after the response or the deadline are ignored.
        request.on('error', () => undefined);
        const giveUpAfter = (ms: number, code: string) => {
          clearTimeout(timer);
          timer = setTimeout(() => (response ?? request).destroy(new TimeOut(code)), ms);
        };
        const until = performance.now() + deadlineMs;
        giveUpAfter(Math.min(CONNECT_TIMEOUT_MS, deadlineMs), 'ETIMEDOUT');
        request.once('socket', (socket) =>
          socket.once(isSecure ? 'secureConnect' : 'connect', () => {
            // Before this event no byte of the request was sent. This is the only proof of "not sent".
            isConnected = true;
            giveUpAfter(until - performance.now(), 'deadline passed');
          }),
        );
        request.end(body);
        response = await new Promise<IncomingMessage>((resolve, reject) => {
          request.once('response', resolve).once('error', reject);
        });
        return {
          status: response.statusCode ?? 0,
          headers: pairs(response.rawHeaders),
          ...(await readBody(response)),
        };
      } catch (error) {
        const code = errorCode(error);
        throw isConnected ? new AnswerLostError(code) : new NotSentError(code);
      } finally {
        clearTimeout(timer);
      }
    },
  };
}

class TimeOut extends Error {
  readonly code: string;
  constructor(code: string) {
    super(code);
    this.code = code;
  }
}

/** A truncated body is a response, too: it may hold the only copy of a rotated refresh token. */
async function readBody(
  body: IncomingMessage,
): Promise<Pick<TransportResponse, 'body' | 'compressed' | 'cut'>> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  let cut: string | null = null;
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes > BODY_MAX_BYTES) {
        cut = 'the answer is longer than 64 kB';
        break;
      }
    }
  } catch (error) {
    if (bytes === 0) throw error;
    cut = `the answer was cut off: ${errorCode(error)}`;
  }
  body.destroy();
  const received = Buffer.concat(chunks).subarray(0, BODY_MAX_BYTES);
  const stated = body.headers['content-encoding'] ?? null;
  const inflated = inflateAnswer(received, stated, BODY_MAX_BYTES);
  return {
    body: inflated.bytes.toString('utf8'),
    compressed: inflated.encoding,
    cut: cut ?? inflated.cut,
  };
}

/** Converts Node's raw headers: name, value, name, value. */
function pairs(rawHeaders: readonly string[]): [string, string][] {
  return rawHeaders.flatMap((name, at): [string, string][] =>
    at % 2 === 0 ? [[name.toLowerCase(), rawHeaders[at + 1] ?? '']] : [],
  );
}

function errorCode(error: unknown): string {
  const { code } = (error ?? {}) as { code?: unknown };
  return typeof code === 'string' ? code : 'connection failed';
}
