/**
 * Sends one HTTP POST to a URL that a tenant configured. Resolves the name once, checks every address, and connects
 * only to a checked one. Follows no redirect, never resends, and reads little of the response.
 */
import { lookup } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { Agent, buildConnector, type Dispatcher, request } from 'undici';
import { type AddressRules, addressLiteral, isAllowedAddress } from './public-address';
import { checkedTenantUrl, ForbiddenUrl } from './tenant-url';

const CONNECT_TIMEOUT_MS = 5_000;
const ANSWER_MAX_BYTES = 4 * 1024;

/** Resolves a name to all its addresses. */
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
  /** @throws {OutboundError} if there is no response */
  post(request: OutboundRequest): Promise<OutboundAnswer>;
  close(): Promise<void>;
}

/** No response arrived. `code` is Evergrant's (`address_refused`, `deadline_passed`) or Node's. It has no cause. */
export class OutboundError extends Error {
  override name = 'OutboundError';
  readonly code: string;
  constructor(code: string) {
    super(`no response: ${code}`);
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
      // An address literal skips the lookup, so it is checked here.
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

/** The only lookup of a connection. The connection uses the addresses that it returns. */
function guardedLookup(rules: AddressRules, resolve: Resolve): LookupFunction {
  return (hostname, { all }, callback) => {
    resolve(hostname, (error, addresses) => {
      // A private address among public ones indicates an attack.
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

/** The status decides; the rest of the body is irrelevant, even if it never ends. */
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
