/** Exchanges an authorization code for a grant: one request without a retry, because a code is single-use. */
import {
  type AuthorizationServer,
  allowInsecureRequests,
  authorizationCodeGrantRequest,
  customFetch,
  nopkce,
  processAuthorizationCodeResponse,
} from 'oauth4webapi';
import type { ConnectFailure } from '../../domain/connect/connect-session';
import type { MaskedResponse } from '../../domain/logs/log-entry';
import type { RefreshFailureCode } from '../../domain/refresh/refresh-failure';
import type { Members } from '../exchange/answer-members';
import type { ReceivedGrant } from '../exchange/received-grant';
import { recognizedTokenTypes } from '../exchange/strict-response';
import { AccountAddressError, isLoopback } from '../exchange/token-endpoint';
import { type ExchangeDependencies, requestTokens } from '../exchange/token-request';
import { NotSentError } from '../exchange/transport';
import { type CallbackInput, callbackValues, checkCallback } from './callback';
import { accountOf, consentServer } from './consent-server';
import { identify, type Subject } from './identity';

export interface CodeExchangeInput extends CallbackInput {
  verifier: string | null;
  redirectUri: string;
  /** The requested scopes. Absent or empty: the scopes of the environment. */
  scopes?: readonly string[];
  /** Called at once with the grant of a 2xx response. */
  receive(grant: ReceivedGrant): void;
}

export type CodeExchange =
  | {
      kind: 'granted';
      grant: ReceivedGrant;
      /** `null`: the provider does not say who consented. */
      subject: Subject | null;
      response: MaskedResponse | null;
      warnings: string[];
    }
  | {
      kind: 'failed';
      failure: ConnectFailure;
      /** The provider's words, masked. */
      detail: string | null;
      response: MaskedResponse | null;
    };

/** Never throws for errors of provider or network. Errors of `receive` are rethrown. */
export async function exchangeCode(
  input: CodeExchangeInput,
  deps: ExchangeDependencies,
): Promise<CodeExchange> {
  const { provider, environment, verifier } = input;
  const { consent: rules } = provider;
  const { consent } = environment;
  if (rules === null || consent === null) return failed('app_refused', 'no consent flow');
  let resolved: AuthorizationServer;
  try {
    resolved = await consentServer(consent, input);
  } catch (error) {
    if (error instanceof AccountAddressError)
      return failed('provider_refused', 'the external id names no host');
    return failed('provider_unavailable', error instanceof NotSentError ? error.code : null);
  }
  const callback = checkCallback(
    input,
    rules,
    consent,
    resolved.authorization_response_iss_parameter_supported === true,
  );
  if ('failure' in callback) return failed(callback.failure, callback.detail);

  const secrets = [
    callback.checked.get('code') ?? '',
    input.state,
    ...(verifier === null ? [] : [verifier]),
  ];
  const ofCallback = callbackValues(callback.checked, rules, secrets);
  const account = { ...accountOf(input), providerValues: ofCallback };
  let received: { grant: ReceivedGrant; members: Members } | undefined;
  const result = await requestTokens(
    {
      provider,
      environment,
      request: { method: 'POST', url: environment.tokenEndpoint.shown(account) },
      secrets,
      capture: false,
      mayBeSent: () => Promise.resolve(true),
      receive(stated, members) {
        const providerValues = { ...ofCallback, ...stated.providerValues };
        const grant =
          Object.keys(providerValues).length === 0 ? stated : { ...stated, providerValues };
        received = { grant, members };
        input.receive(grant);
      },
      async exchange(send) {
        const server = await environment.tokenEndpoint.resolve(account);
        const response = await authorizationCodeGrantRequest(
          server,
          environment.client,
          environment.clientAuthentication,
          callback.checked,
          consent.redirectUri ?? input.redirectUri,
          verifier ?? nopkce,
          {
            [customFetch]: send,
            [allowInsecureRequests]: isLoopback(new URL(server.token_endpoint ?? '')),
            additionalParameters: { ...rules.exchangeParameters },
          },
        );
        await processAuthorizationCodeResponse(server, environment.client, response, {
          recognizedTokenTypes: recognizedTokenTypes(provider.adapter),
        });
      },
    },
    deps,
  );
  const { response, failure, warnings } = result;
  if (failure !== null || received === undefined)
    return {
      ...failed(failureOf(failure?.code ?? 'answer_lost'), failure?.detail ?? null),
      response,
    };
  const identity = await identify(
    {
      rule: rules.subject,
      environment,
      account,
      server: resolved,
      scopes: input.scopes?.length ? input.scopes : consent.scopes,
      callback: callback.checked,
      ...received,
    },
    deps.transport,
  );
  if (identity.isInvalid) return { ...failed('unknown_subject', identity.warning), response };
  return {
    kind: 'granted',
    grant: received.grant,
    subject: identity.subject,
    response,
    warnings: [...warnings, ...(identity.warning === null ? [] : [identity.warning])],
  };
}

function failed(failure: ConnectFailure, detail: string | null): CodeExchange & { kind: 'failed' } {
  return { kind: 'failed', failure, detail, response: null };
}

const APP_FAILURES: readonly RefreshFailureCode[] = [
  'invalid_client',
  'unauthorized_client',
  'invalid_scope',
  'unsupported_grant_type',
  'invalid_request',
  'request_not_built',
];
/** The code may be unused after these, but the person consents again in any case. */
const TEMPORARY_FAILURES: readonly RefreshFailureCode[] = [
  'provider_unreachable',
  'provider_unavailable',
  'rate_limited',
];
const LOST_ANSWERS: readonly RefreshFailureCode[] = ['answer_lost', 'invalid_token_response'];

function failureOf(code: RefreshFailureCode): ConnectFailure {
  if (APP_FAILURES.includes(code)) return 'app_refused';
  if (TEMPORARY_FAILURES.includes(code)) return 'provider_unavailable';
  return LOST_ANSWERS.includes(code) ? 'answer_lost' : 'provider_refused';
}
