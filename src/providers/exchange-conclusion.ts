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
import type { ProviderAdapter } from './provider';
import { salvageTokens } from './salvage-tokens';
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
  adapter: ProviderAdapter;
  secrets: readonly string[];
  now: Date;
}

/** Translates whatever happened. */
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
    const code = verdict instanceof NotSentError ? verdict.code : 'request not built';
    const failure =
      verdict instanceof ClaimLostError
        ? null
        : refreshFailure('provider_unreachable', { detail: code });
    return { outcome: 'not_sent', failure, warnings: [] };
  }
  if (isSuccess(answer)) {
    const salvaged = salvageTokens(answer.body);
    if (verdict === null) return { outcome: 'ok', failure: null, warnings: [] };
    const complaint = `not a strict token response (${complaintOf(verdict)})`;
    if (typeof salvaged?.accessToken === 'string') {
      return { outcome: 'ok', failure: null, warnings: [complaint] };
    }
    const detail = answer.cut ?? complaint;
    return {
      outcome: 'unknown',
      failure: refreshFailure('invalid_token_response', { status: answer.status, detail }),
      warnings: [],
    };
  }
  return { ...refusal(answer, input), warnings: [] };
}

function refusal(
  answer: TransportResponse,
  { verdict, adapter, secrets, now }: Omit<ConcludeInput, 'answer'>,
): Pick<Conclusion, 'outcome' | 'failure'> {
  const { status } = answer;
  const retryAfter = header(answer, 'retry-after');
  if (status === 429 || (status === 503 && retryAfter !== null)) {
    const failure = refreshFailure('rate_limited', {
      status,
      retryAfterMs: retryAfterMs(retryAfter, now),
    });
    return { outcome: 'throttled', failure };
  }
  if (verdict instanceof ResponseBodyError && status < 500) {
    const { failureCodes } = adapter;
    const own = Object.hasOwn(failureCodes, verdict.error)
      ? failureCodes[verdict.error]
      : undefined;
    const code = own ?? providerErrorCode(verdict.error);
    const detail = maskFreeText(
      [verdict.error, verdict.error_description].filter(Boolean).join(': '),
      secrets,
    );
    return { outcome: 'rejected', failure: refreshFailure(code, { status, detail }) };
  }
  // A 5xx can come after the provider has acted; a page of HTML is a gateway's word, not the authorization server's.
  return {
    outcome: 'unknown',
    failure: refreshFailure('provider_unavailable', { status, detail: `HTTP ${status}` }),
  };
}

function complaintOf(verdict: unknown): string {
  return verdict instanceof Error ? maskFreeText(verdict.message, []) : 'unreadable';
}

function header(answer: TransportResponse, name: string): string | null {
  return answer.headers.find(([key]) => key.toLowerCase() === name)?.[1] ?? null;
}

export function isSuccess(answer: TransportResponse): boolean {
  return answer.status >= 200 && answer.status < 300;
}
