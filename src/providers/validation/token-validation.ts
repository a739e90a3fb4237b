/**
 * Validates an access token at its provider: one function for every provider and caller. It uses up no token, so it may
 * be repeated. It returns a verdict; other code decides the consequences.
 */
import type { TokenVerdict } from '../../domain/account/account';
import type { CredentialsGrant } from '../../domain/account/grant-type';
import type { ExchangeOutcome, MaskedRequest, MaskedResponse } from '../../domain/logs/log-entry';
import { prefix } from '../../domain/masking/masking';
import type { Secret } from '../../domain/masking/secret';
import {
  type RefreshFailure,
  type RefreshFailureCode,
  refreshFailure,
  retryAfterMs,
} from '../../domain/refresh/refresh-failure';
import { ownClientOf } from '../exchange/credentials-exchange';
import { captureRequest, captureResponse } from '../exchange/exchange-capture';
import { header, isSuccess, networkOrBuildFailure } from '../exchange/exchange-conclusion';
import { type GrantCredentials, type OwnClient, secretsOf } from '../exchange/grant-credentials';
import { type AccountAddress, AccountAddressError } from '../exchange/token-endpoint';
import { AnswerLostError, type Transport, type TransportResponse } from '../exchange/transport';
import type { ProviderEnvironment } from '../provider';
import { ValidationNotSupportedError } from './validation-endpoint';
import type { TokenJudgement } from './validation-rule';

/** Deadline in ms for the whole call, from name resolution to the last byte. */
const HTTP_DEADLINE_MS = 10_000;

export interface ValidateInput {
  environment: ProviderEnvironment;
  account: AccountAddress;
  accessToken: Secret;
  /** The credentials of an account that has its own client. Absent: the account uses the OAuth app. */
  own?: { credentials: GrantCredentials; grantType: CredentialsGrant };
  /** Log headers and bodies, masked. This changes nothing else. */
  capture: boolean;
}

export interface Validation {
  verdict: TokenVerdict;
  outcome: ExchangeOutcome;
  failure: RefreshFailure | null;
  request: MaskedRequest;
  response: MaskedResponse | null;
  finalPrefix: string | null;
}

/** Never throws for errors of the provider or the network; the result describes them. */
export async function validateAccessToken(
  { environment, account, capture, own, ...input }: ValidateInput,
  { transport, now }: { transport: Transport; now: () => Date },
): Promise<Validation> {
  const { validation } = environment;
  const accessToken = input.accessToken.reveal();
  const secrets = [
    accessToken,
    ...environment.secrets.map((secret) => secret.reveal()),
    ...(own === undefined ? [] : secretsOf(own.credentials)),
  ];
  const shown: Pick<Validation, 'request' | 'response' | 'finalPrefix'> = {
    request: {
      method: validation?.method ?? 'GET',
      url: validation?.shown(account) ?? '<not supported>',
      access_token: prefix(accessToken),
    },
    response: null,
    finalPrefix: null,
  };
  if (validation === null) return { ...shown, ...notSent('validation_not_supported') };
  let answer: TransportResponse | undefined;
  let client: OwnClient | null | undefined;
  try {
    client = own && ownClientOf(environment, own.credentials, own.grantType);
    const send = async (request: Parameters<Parameters<typeof validation.ask>[2]>[0]) => {
      const sent = { ...request, deadlineMs: HTTP_DEADLINE_MS };
      const form = new URLSearchParams(isForm(request.headers) ? request.body : '');
      // A client assertion is a secret as long as it is valid.
      secrets.push(...form.getAll('client_assertion'));
      shown.request.url = request.url;
      if (capture) shown.request = captureRequest(shown.request, sent, form, secrets);
      shown.finalPrefix = prefix(accessToken);
      const sentAt = now();
      answer = await transport.send(sent);
      const duration_ms = now().getTime() - sentAt.getTime();
      shown.response = { status: answer.status, duration_ms };
      if (capture) shown.response = captureResponse(shown.response, answer, secrets);
    };
    await validation.ask(account, accessToken, send, client);
  } catch (error) {
    return { ...shown, ...unanswered(error) };
  }
  if (answer === undefined) return { ...shown, ...notSent('request_not_built') };
  return {
    ...shown,
    ...judged(validation.judge(answer, client) ?? byStatus(answer), answer, now()),
  };
}

type Verdict = Pick<Validation, 'verdict' | 'outcome' | 'failure'>;

/** A 5xx, a gateway's HTML page or a redirect does not depend on the token. */
function byStatus(answer: TransportResponse): TokenJudgement {
  const { status } = answer;
  if (isSuccess(answer)) return 'valid';
  if (status === 401 || status === 403) return 'access_token_refused';
  const throttled = status === 429 || (status === 503 && header(answer, 'retry-after') !== null);
  return throttled ? 'rate_limited' : 'provider_unavailable';
}

function judged(judgement: TokenJudgement, answer: TransportResponse, now: Date): Verdict {
  if (judgement === 'valid') return { verdict: 'valid', outcome: 'ok', failure: null };
  const { status } = answer;
  if (judgement === 'rate_limited') {
    const waitMs = retryAfterMs(header(answer, 'retry-after'), now);
    const failure = refreshFailure('rate_limited', { status, retryAfterMs: waitMs });
    return { verdict: 'unknown', outcome: 'throttled', failure };
  }
  const failure = refreshFailure(judgement, { status, detail: `HTTP ${status}` });
  return judgement === 'access_token_refused'
    ? { verdict: 'invalid', outcome: 'rejected', failure }
    : { verdict: 'unknown', outcome: status >= 500 ? 'unknown' : 'rejected', failure };
}

/** Errors of the library or the network stop here, because their messages can quote the request. */
function unanswered(error: unknown): Verdict {
  if (error instanceof AnswerLostError) {
    const failure = refreshFailure('validation_unanswered', { detail: error.code });
    return { verdict: 'unknown', outcome: 'unknown', failure };
  }
  if (error instanceof AccountAddressError) return notSent('account_address_invalid');
  if (error instanceof ValidationNotSupportedError) return notSent('validation_not_supported');
  return { verdict: 'unknown', outcome: 'not_sent', failure: networkOrBuildFailure(error) };
}

function notSent(code: RefreshFailureCode): Verdict {
  return { verdict: 'unknown', outcome: 'not_sent', failure: refreshFailure(code) };
}

function isForm(headers: Readonly<Record<string, string>>): boolean {
  return Object.entries(headers).some(
    ([name, value]) =>
      name.toLowerCase() === 'content-type' &&
      value.startsWith('application/x-www-form-urlencoded'),
  );
}
