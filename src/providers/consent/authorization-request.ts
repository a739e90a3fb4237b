/** Builds the authorization URL to which the person is sent, and pushes the request if the server requires it. */
import {
  type AuthorizationServer,
  allowInsecureRequests,
  calculatePKCECodeChallenge,
  customFetch,
  processPushedAuthorizationResponse,
  pushedAuthorizationRequest,
  ResponseBodyError,
} from 'oauth4webapi';
import type { ConnectFailure } from '../../domain/connect/connect-session';
import { maskFreeText } from '../../domain/masking/masking';
import { AccountAddressError, isLoopback } from '../exchange/token-endpoint';
import { AnswerLostError, NotSentError, type Transport } from '../exchange/transport';
import { type ConsentTarget, consentServer } from './consent-server';
import { sendForm } from './send-form';

export interface AuthorizationInput extends ConsentTarget {
  /** Empty: the scopes of the environment. */
  scopes: readonly string[];
  state: string;
  /** The PKCE verifier; `null` if the provider refuses PKCE. */
  verifier: string | null;
  redirectUri: string;
}

/** The person cannot be sent to the provider. Contains no secret. */
export class AuthorizationRequestError extends Error {
  override name = 'AuthorizationRequestError';
  readonly failure: ConnectFailure;
  /** The provider's words, masked. */
  readonly detail: string | null;
  constructor(failure: ConnectFailure, detail: string | null) {
    super(`no authorization request: ${failure}`);
    this.failure = failure;
    this.detail = detail;
  }
}

/**
 * @see [RFC 6749 §4.1.1](https://www.rfc-editor.org/rfc/rfc6749#section-4.1.1)
 * @see [RFC 7636](https://www.rfc-editor.org/rfc/rfc7636): PKCE
 * @throws {AuthorizationRequestError}
 */
export async function authorizationUrl(
  input: AuthorizationInput,
  transport: Transport,
): Promise<URL> {
  const { environment, state, verifier } = input;
  const { consent } = environment;
  if (consent === null) throw new AuthorizationRequestError('app_refused', 'no consent flow');
  try {
    const server = await consentServer(consent, input);
    const { authorization_endpoint: endpoint } = server;
    if (endpoint === undefined)
      throw new AuthorizationRequestError('app_refused', 'no authorization endpoint');
    const parameters = await parametersOf(input);
    const url = new URL(endpoint);
    const sent =
      server.require_pushed_authorization_requests === true
        ? await pushed(server, parameters, input, transport)
        : parameters;
    const { renamedParameters = {}, fragment } = input.provider.consent ?? {};
    for (const [name, value] of sent) url.searchParams.set(renamedParameters[name] ?? name, value);
    if (fragment !== undefined) url.hash = fragment;
    return url;
  } catch (error) {
    const secrets = [state, ...(verifier === null ? [] : [verifier])];
    throw requestError(error, [...secrets, ...environment.secrets.map((one) => one.reveal())]);
  }
}

async function parametersOf({
  provider,
  environment: { consent, client },
  ...input
}: AuthorizationInput): Promise<URLSearchParams> {
  const named = input.scopes.length > 0 ? input.scopes : (consent?.scopes ?? []);
  const scopes = [...new Set([...named, ...(provider.consent?.requiredScopes ?? [])])];
  const parameters = new URLSearchParams(consent?.parameters);
  parameters.set('response_type', 'code');
  parameters.set('client_id', client.client_id);
  parameters.set('redirect_uri', consent?.redirectUri ?? input.redirectUri);
  if (scopes.length > 0) parameters.set('scope', scopes.join(provider.scopeSeparator));
  parameters.set('state', input.state);
  if (input.verifier !== null) {
    parameters.set('code_challenge', await calculatePKCECodeChallenge(input.verifier));
    parameters.set('code_challenge_method', 'S256');
  }
  return parameters;
}

/** @see [RFC 9126](https://www.rfc-editor.org/rfc/rfc9126) */
async function pushed(
  server: AuthorizationServer,
  parameters: URLSearchParams,
  { environment: { client, clientAuthentication } }: AuthorizationInput,
  transport: Transport,
): Promise<[string, string][]> {
  const response = await pushedAuthorizationRequest(
    server,
    client,
    clientAuthentication,
    parameters,
    {
      [customFetch]: sendForm(transport),
      [allowInsecureRequests]: isLoopback(new URL(server.token_endpoint ?? '')),
    },
  );
  const { request_uri: requestUri } = await processPushedAuthorizationResponse(
    server,
    client,
    response,
  );
  return [
    ['client_id', client.client_id],
    ['request_uri', requestUri],
  ];
}

/** Errors of the library stop here, because their causes may contain the request. */
function requestError(error: unknown, secrets: readonly string[]): AuthorizationRequestError {
  if (error instanceof AuthorizationRequestError) return error;
  if (error instanceof AccountAddressError)
    return new AuthorizationRequestError('provider_refused', 'the external id names no host');
  if (error instanceof NotSentError || error instanceof AnswerLostError)
    return new AuthorizationRequestError('provider_unavailable', error.code);
  if (error instanceof ResponseBodyError) {
    const words = [error.error, error.error_description].filter((one) => one !== undefined);
    return new AuthorizationRequestError('app_refused', maskFreeText(words.join(': '), secrets));
  }
  return new AuthorizationRequestError('provider_unavailable', 'unexpected response');
}
