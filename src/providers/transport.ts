/**
 * One HTTP send, told apart by whether anything left this machine. No redirect is followed, nothing is sent again,
 * nothing is inflated; a body ends at 64 kB and the whole at one deadline.
 */
import { Agent, buildConnector, request } from 'undici';

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
  close(): Promise<void>;
}

/** Errors carry neither cause nor message of the library below: those can hold addresses and bodies. */
export function createTransport(): Transport {
  const connect = buildConnector({ timeout: CONNECT_TIMEOUT_MS });
  const agent = new Agent({
    // An error of the connector itself comes before the first byte of the request: the one proof of "not sent".
    connect: (options, callback) =>
      connect(options, (...result: Parameters<typeof callback>) => {
        const [error, socket] = result;
        if (error === null && socket !== null) callback(null, socket);
        else callback(new NotSentError(errorCode(error)), null);
      }),
    // An idle connection that the provider closes at the very moment we use it looks like a lost answer.
    pipelining: 0,
  });
  return {
    async send({ url, method = 'POST', headers, body = null, deadlineMs }) {
      try {
        const answer = await request(url, {
          dispatcher: agent,
          method,
          headers: { ...headers, 'accept-encoding': 'identity' },
          body,
          signal: AbortSignal.timeout(deadlineMs),
        });
        const { text, cut } = await readBody(answer.body);
        return { status: answer.statusCode, headers: flatten(answer.headers), body: text, cut };
      } catch (error) {
        if (error instanceof NotSentError) throw error;
        throw new AnswerLostError(errorCode(error));
      }
    },
    close: () => agent.close(),
  };
}

/** A body that breaks off is an answer too: it may hold the only copy of a rotated refresh token. */
async function readBody(
  body: AsyncIterable<Buffer> & { destroy(): unknown },
): Promise<{ text: string; cut: string | null }> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  let cut: string | null = null;
  try {
    for await (const chunk of body) {
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

function flatten(headers: Record<string, string | string[] | undefined>): [string, string][] {
  return Object.entries(headers).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value ?? '']).map((one): [string, string] => [name, one]),
  );
}

function errorCode(error: unknown): string {
  const { name, code } = (error ?? {}) as { name?: unknown; code?: unknown };
  if (name === 'TimeoutError') return 'deadline passed';
  return typeof code === 'string' ? code : 'connection failed';
}
