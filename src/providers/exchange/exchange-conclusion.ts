/**
 * Concludes an exchange with one of five outcomes and a failure. Errors of libraries stop here; their causes are
 * dropped, because they may contain bodies.
 */
import type { ExchangeOutcome } from '../../domain/logs/log-entry';
import { maskFreeText } from '../../domain/masking/masking';
import {
  type RefreshFailure,
  refreshFailure,
  retryAfterMs,
} from '../../domain/refresh/refresh-failure';
import type { Provider, Refusal } from '../provider';
import { UnreadableCredentialsError } from './grant-credentials';
import { failureCodeOf, readRefusal, refusalDetail } from './refusal';
import type { SalvagedTokens } from './salvage-tokens';
import { AccountAddressError } from './token-endpoint';
import { AnswerLostError, NotSentError, type TransportResponse } from './transport';

export interface Conclusion {
  outcome: ExchangeOutcome;
  failure: RefreshFailure | null;
  /** Warnings about a response whose grant was kept. */
  warnings: string[];
}

/** The claim was lost after the request was built and before it was sent. */
export class ClaimLostError extends Error {
  override name = 'ClaimLostError';
}

export interface ConcludeInput {
  /** The error of the strict parser or the transport, or `null`. */
  verdict: unknown;
  answer: TransportResponse | undefined;
  /** Tokens found in a 2xx response. */
  salvaged: SalvagedTokens | null;
  /** Warnings about these tokens. */
  oddities: readonly string[];
  provider: Provider;
  secrets: readonly string[];
  now: Date;
}

export function conclude({ answer, ...input }: ConcludeInput): Conclusion {
  const { verdict } = input;
  if (answer === undefined) {
    if (verdict instanceof AnswerLostError) {
      return {
        outcome: 'unknown',
        failure: refreshFailure('answer_lost', { detail: verdict.code }),
        warnings: [],
      };
    }
    return { outcome: 'not_sent', failure: unsentFailure(verdict), warnings: [] };
  }
  if (isSuccess(answer)) return succeeded(answer, input);
  return { ...refused(answer, input), warnings: [] };
}

function succeeded(answer: TransportResponse, input: Omit<ConcludeInput, 'answer'>): Conclusion {
  const { verdict, salvaged, oddities, provider } = input;
  const { status, body, cut } = answer;
  const complaint =
    verdict === null ? null : `the answer differs from RFC 6749 (${complaintOf(verdict)})`;
  const warnings = [...oddities, ...(complaint === null ? [] : [complaint])];
  if (salvaged !== null && salvaged.accessToken !== null)
    return { outcome: 'ok', failure: null, warnings };
  const refusal =
    salvaged === null && provider.adapter.refusesWithSuccess
      ? readRefusal(status, body, provider.adapter.errorPath)
      : null;
  if (refusal !== null) return { ...rejected(refusal, answer, input), warnings: [] };
  const detail = cut ?? complaint ?? 'the answer contains no access token';
  const failure = refreshFailure('invalid_token_response', { status, detail });
  return { outcome: 'unknown', failure, warnings: salvaged === null ? [] : [...oddities] };
}

function unsentFailure(verdict: unknown): RefreshFailure | null {
  if (verdict instanceof ClaimLostError) return null;
  if (verdict instanceof AccountAddressError) return refreshFailure('account_address_invalid');
  if (verdict instanceof UnreadableCredentialsError) return refreshFailure('row_corrupt');
  return networkOrBuildFailure(verdict);
}

/** Node's code for a header or another part of a request that is not valid. */
const INVALID_REQUEST_CODE = /^ERR_INVALID_/;

/**
 * Tells an unreachable provider from a request that cannot be built, which is no outage. The message of an error can
 * contain a secret, so only its name is shown.
 */
export function networkOrBuildFailure(error: unknown): RefreshFailure {
  if (error instanceof NotSentError && !INVALID_REQUEST_CODE.test(error.code))
    return refreshFailure('provider_unreachable', { detail: error.code });
  const detail =
    error instanceof NotSentError ? error.code : error instanceof Error ? error.name : 'unknown';
  return refreshFailure('request_not_built', { detail });
}

type Verdict = Pick<Conclusion, 'outcome' | 'failure'>;

function refused(answer: TransportResponse, input: Omit<ConcludeInput, 'answer'>): Verdict {
  const { status } = answer;
  if (status === 429 || (status === 503 && header(answer, 'retry-after') !== null))
    return throttled(answer, input.now);
  if (status >= 400 && status < 500) {
    const refusal = readRefusal(status, answer.body, input.provider.adapter.errorPath);
    if (refusal !== null) return rejected(refusal, answer, input);
  }
  // A 5xx may follow a completed refresh, and an HTML page comes from a gateway and not from the authorization server.
  return {
    outcome: 'unknown',
    failure: refreshFailure('provider_unavailable', { status, detail: `HTTP ${status}` }),
  };
}

function throttled(answer: TransportResponse, now: Date, detail?: string): Verdict {
  const { status } = answer;
  const waitMs = retryAfterMs(header(answer, 'retry-after'), now);
  return {
    outcome: 'throttled',
    failure: refreshFailure('rate_limited', {
      status,
      ...(detail === undefined ? {} : { detail }),
      retryAfterMs: waitMs,
    }),
  };
}

function rejected(
  refusal: Refusal,
  answer: TransportResponse,
  { provider, secrets, now }: Omit<ConcludeInput, 'answer'>,
): Verdict {
  const { status } = refusal;
  const code = failureCodeOf(refusal, provider);
  const detail = refusalDetail(refusal, secrets);
  const asksToWait = code === 'unrecognized_error' && header(answer, 'retry-after') !== null;
  if (code === 'rate_limited' || asksToWait) return throttled(answer, now, detail);
  return { outcome: 'rejected', failure: refreshFailure(code, { status, detail }) };
}

function complaintOf(verdict: unknown): string {
  return verdict instanceof Error ? maskFreeText(verdict.message, []) : 'unreadable';
}

export function header(answer: TransportResponse, name: string): string | null {
  return answer.headers.find(([key]) => key.toLowerCase() === name)?.[1] ?? null;
}

export function isSuccess(answer: TransportResponse): boolean {
  return answer.status >= 200 && answer.status < 300;
}
