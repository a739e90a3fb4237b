/**
 * One HTTP POST to an address that a tenant set. The name is resolved once, every address it has is checked, and the
 * connection goes to what was checked. No redirect is followed, nothing is sent again, and little of the answer is read.
 */
import { lookup } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { Agent, buildConnector, type Dispatcher, request } from 'undici';
import { type AddressRules, addressLiteral, isAllowedAddress } from './public-address';
import { checkedTenantUrl, ForbiddenUrl } from './tenant-url';

const CONNECT_TIMEOUT_MS = 5_000;
const ANSWER_MAX_BYTES = 4 * 1024;

/** Asks for all addresses of a name. */
export type Resolve = (
  hostname: string,
  done: (error: Error | null, addresses: string[]) => void,
) => void;

interface OutboundRequest {
  url: string;
  headers: Record<string, string>;
  body: string;
  deadlineMs: number;
}

interface OutboundAnswer {
  status: number;
  /** The `Retry-After` header. */
  retryAfter: string | null;
}

export interface GuardedTransport {
  /** @throws {OutboundError} where there is no answer */
  post(request: OutboundRequest): Promise<OutboundAnswer>;
  close(): Promise<void>;
}

/** No answer came. `code` is ours (`address_refused`, `deadline_passed`) or Node's; the cause stays behind. */
export class OutboundError extends Error {
  override name = 'OutboundError';
  readonly code: string;
  constructor(code: string) {
    super(`no answer: ${code}`);
    this.code = code;
  }
}

export function createGuardedTransport(
  rules: AddressRules,
  resolve: Resolve = resolveBySystem,
): GuardedTransport {
  const connect = buildConnector({
    timeout: CONNECT_TIMEOUT_MS,
    lookup: guardedLookup(rules, resolve),
  });
  const agent = new Agent({
    connect: (options, callback) => {
      // A literal is connected to without any lookup.
      const literal = addressLiteral(options.hostname);
      if (literal !== null && !isAllowedAddress(literal, rules))
        callback(new OutboundError('address_refused'), null);
      else connect(options, callback);
    },
    pipelining: 0,
  });
  return {
    async post({ url, headers, body, deadlineMs }) {
      const signal = AbortSignal.timeout(deadlineMs);
      try {
        const answer = await request(checkedTenantUrl(url, rules), {
          dispatcher: agent,
          method: 'POST',
          headers: { ...headers, 'accept-encoding': 'identity' },
          body,
          signal,
        });
        await endOf(answer.body, signal);
        return { status: answer.statusCode, retryAfter: firstOf(answer.headers['retry-after']) };
      } catch (error) {
        throw new OutboundError(errorCode(error));
      }
    },
    close: () => agent.close(),
  };
}

/** The one resolution of a connection: what it answers with is what is connected to. */
function guardedLookup(rules: AddressRules, resolve: Resolve): LookupFunction {
  return (hostname, { all }, callback) => {
    resolve(hostname, (error, addresses) => {
      // One private address among public ones is no accident.
      const refused = addresses.some((address) => !isAllowedAddress(address, rules));
      const [first] = addresses;
      if (error !== null || first === undefined || refused) {
        const code = refused ? 'address_refused' : error === null ? 'ENOTFOUND' : errorCode(error);
        callback(new OutboundError(code), '');
      } else if (all === true) {
        callback(
          null,
          addresses.map((address) => ({ address, family: familyOf(address) })),
        );
      } else callback(null, first, familyOf(first));
    });
  };
}

const resolveBySystem: Resolve = (hostname, done) => {
  lookup(hostname, { all: true, verbatim: true }, (error, found) =>
    done(error, error === null ? found.map(({ address }) => address) : []),
  );
};

function familyOf(address: string): 4 | 6 {
  return address.includes(':') ? 6 : 4;
}

/** The status is the answer; a receiver that never ends its body has given it, too. */
async function endOf(body: Dispatcher.ResponseData['body'], signal: AbortSignal): Promise<void> {
  try {
    await body.dump({ limit: ANSWER_MAX_BYTES, signal });
  } catch {
    body.destroy();
  }
}

function firstOf(value: string | string[] | undefined): string | null {
  return (Array.isArray(value) ? value[0] : value) ?? null;
}

function errorCode(error: unknown): string {
  if (error instanceof OutboundError) return error.code;
  if (error instanceof ForbiddenUrl) return 'address_refused';
  if (!(error instanceof Error)) return 'connection_failed';
  if (error.name === 'TimeoutError') return 'deadline_passed';
  if (error instanceof AggregateError) return errorCode(error.errors[0]);
  return 'code' in error && typeof error.code === 'string' ? error.code : 'connection_failed';
}
