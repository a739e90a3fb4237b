/**
 * What an exchange came to: one of the five outcomes, and the failure in our own words. Errors of libraries end here;
 * their causes are dropped, because they carry bodies.
 */
import { ResponseBodyError } from 'oauth4webapi';
import type { ExchangeOutcome } from '../domain/log-entry';
import { maskFreeText } from '../domain/masking';
import {
  providerErrorCode,
  type RefreshFailure,
  refreshFailure,
  retryAfterMs,
} from '../domain/refresh-failure';
import type { Provider, Refusal } from './provider';
import { parseObject, type SalvagedTokens } from './salvage-tokens';
import { AccountAddressError } from './token-endpoint';
import { AnswerLostError, NotSentError, type TransportResponse } from './transport';

export interface Conclusion {
  outcome: ExchangeOutcome;
  failure: RefreshFailure | null;
  /** What a strict reading of a usable answer complained of. */
  warnings: string[];
}

/** The claim was lost between building the request and sending it. */
export class ClaimLostError extends Error {
  override name = 'ClaimLostError';
}

export interface ConcludeInput {
  /** What the strict parser or the transport threw, or `null`. */
  verdict: unknown;
  answer: TransportResponse | undefined;
  /** The tokens that were found in a 2xx. */
  salvaged: SalvagedTokens | null;
  provider: Provider;
  secrets: readonly string[];
  now: Date;
}

/** Translates whatever happened. */
export function conclude({ answer, ...input }: ConcludeInput): Conclusion {
  const { verdict, salvaged } = input;
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
  if (isSuccess(answer)) {
    if (verdict === null) return { outcome: 'ok', failure: null, warnings: [] };
    const complaint = `not a strict token response (${complaintOf(verdict)})`;
    if (typeof salvaged?.accessToken === 'string') {
      return { outcome: 'ok', failure: null, warnings: [complaint] };
    }
    const refusal = input.provider.adapter.refusesWithSuccess ? refusalIn(answer) : null;
    if (salvaged === null && refusal !== null) {
      return { ...rejected(refusal, answer, input), warnings: [] };
    }
    const detail = answer.cut ?? complaint;
    return {
      outcome: 'unknown',
      failure: refreshFailure('invalid_token_response', { status: answer.status, detail }),
      warnings: [],
    };
  }
  return { ...refused(answer, input), warnings: [] };
}

function unsentFailure(verdict: unknown): RefreshFailure | null {
  if (verdict instanceof ClaimLostError) return null;
  if (verdict instanceof AccountAddressError) return refreshFailure('account_address_invalid');
  const detail = verdict instanceof NotSentError ? verdict.code : 'request not built';
  return refreshFailure('provider_unreachable', { detail });
}

type Verdict = Pick<Conclusion, 'outcome' | 'failure'>;

function refused(answer: TransportResponse, input: Omit<ConcludeInput, 'answer'>): Verdict {
  const { status } = answer;
  if (status === 429 || (status === 503 && header(answer, 'retry-after') !== null))
    return throttled(answer, input.now);
  const { verdict } = input;
  if (verdict instanceof ResponseBodyError && status < 500) {
    const { error, error_description: description } = verdict;
    return rejected({ status, error, description }, answer, input);
  }
  // A 5xx can come after the provider has acted; a page of HTML is a gateway's word, not the authorization server's.
  return {
    outcome: 'unknown',
    failure: refreshFailure('provider_unavailable', { status, detail: `HTTP ${status}` }),
  };
}

function throttled(answer: TransportResponse, now: Date): Verdict {
  const { status } = answer;
  const waitMs = retryAfterMs(header(answer, 'retry-after'), now);
  return {
    outcome: 'throttled',
    failure: refreshFailure('rate_limited', { status, retryAfterMs: waitMs }),
  };
}

function rejected(
  refusal: Refusal,
  answer: TransportResponse,
  { provider, secrets, now }: Omit<ConcludeInput, 'answer'>,
): Verdict {
  const { adapter } = provider;
  const failureCodes = { ...adapter.failureCodes, ...provider.failureCodes };
  const { status, error, description } = refusal;
  const own = Object.hasOwn(failureCodes, error) ? failureCodes[error] : undefined;
  const code = adapter.failureCode?.(refusal) ?? own ?? providerErrorCode(error);
  if (code === 'rate_limited') return throttled(answer, now);
  const detail = maskFreeText([error, description].filter(Boolean).join(': '), secrets);
  return { outcome: 'rejected', failure: refreshFailure(code, { status, detail }) };
}

/** What a 2xx without any token says against the request. */
function refusalIn({ status, body }: TransportResponse): Refusal | null {
  const members = parseObject(body) ?? {};
  const { error, error_description: description } = members;
  if (typeof error !== 'string' || error === '') return null;
  return {
    status,
    error,
    description: typeof description === 'string' ? description : undefined,
  };
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
