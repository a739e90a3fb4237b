/**
 * One HTTP send, told apart by whether anything left this machine. No redirect is followed, nothing is sent again,
 * nothing is inflated; a body ends at 64 kB and the whole at one deadline.
 */
import http, { type IncomingMessage } from 'node:http';
import https from 'node:https';

const CONNECT_TIMEOUT_MS = 5_000;
const BODY_MAX_BYTES = 64 * 1024;

export interface TransportRequest {
  url: string;
  /** POST, if nothing is said. */
  method?: 'GET' | 'POST';
  headers: Record<string, string>;
  body?: string;
  deadlineMs: number;
}

export interface TransportResponse {
  status: number;
  headers: [string, string][];
  body: string;
  /** Why the body is not whole, where it is not; what came of it is kept all the same. */
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

/** The request left, and no whole answer came back. */
export class AnswerLostError extends Error {
  override name = 'AnswerLostError';
  readonly code: string;
  constructor(code: string) {
    super(`sent, but no answer: ${code}`);
    this.code = code;
  }
}

export interface Transport {
  send(request: TransportRequest): Promise<TransportResponse>;
}

/** Errors carry neither cause nor message of the library below: those can hold addresses and bodies. */
export function createTransport(): Transport {
  // Each request has a connection of its own: an idle one that the provider closes at the very moment we use it looks
  // like a lost answer. Node's own client opens and closes one for two thirds of what undici takes.
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
          // Nor are credentials taken from the address.
          auth: null,
          method,
          headers: { ...headers, 'accept-encoding': 'identity' },
        });
        let response: IncomingMessage | undefined;
        // What comes after the answer, or after the deadline, is nobody's business any more.
        request.on('error', () => undefined);
        const giveUpAfter = (ms: number, code: string) => {
          clearTimeout(timer);
          timer = setTimeout(() => (response ?? request).destroy(new TimeOut(code)), ms);
        };
        const until = performance.now() + deadlineMs;
        giveUpAfter(Math.min(CONNECT_TIMEOUT_MS, deadlineMs), 'ETIMEDOUT');
        request.once('socket', (socket) =>
          socket.once(isSecure ? 'secureConnect' : 'connect', () => {
            // Before this no byte of the request can have left: the one proof of "not sent".
            isConnected = true;
            giveUpAfter(until - performance.now(), 'deadline passed');
          }),
        );
        request.end(body);
        response = await new Promise<IncomingMessage>((resolve, reject) => {
          request.once('response', resolve).once('error', reject);
        });
        const { text, cut } = await readBody(response);
        return {
          status: response.statusCode ?? 0,
          headers: pairs(response.rawHeaders),
          body: text,
          cut,
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

/** A body that breaks off is an answer too: it may hold the only copy of a rotated refresh token. */
async function readBody(body: IncomingMessage): Promise<{ text: string; cut: string | null }> {
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
    cut = `the answer broke off: ${errorCode(error)}`;
  }
  body.destroy();
  return { text: Buffer.concat(chunks).subarray(0, BODY_MAX_BYTES).toString('utf8'), cut };
}

/** As they came: name, value, name, value. */
function pairs(rawHeaders: readonly string[]): [string, string][] {
  return rawHeaders.flatMap((name, at): [string, string][] =>
    at % 2 === 0 ? [[name.toLowerCase(), rawHeaders[at + 1] ?? '']] : [],
  );
}

function errorCode(error: unknown): string {
  const { code } = (error ?? {}) as { code?: unknown };
  return typeof code === 'string' ? code : 'connection failed';
}
