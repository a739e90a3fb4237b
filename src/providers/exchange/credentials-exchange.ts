/**
 * Exchanges an account's credentials for an access token. Everything but the request itself is shared with the refresh:
 * transport, deadline, masking, parsers and conclusion.
 */
import {
  allowInsecureRequests,
  type Client,
  type ClientAuth,
  clientCredentialsGrantRequest,
  customFetch,
  genericTokenEndpointRequest,
  processClientCredentialsResponse,
  processGenericTokenEndpointResponse,
} from 'oauth4webapi';
import type { CredentialsGrant } from '../../domain/account/grant-type';
import type { ProviderEnvironment } from '../provider';
import { signAssertion } from './assertion';
import {
  type GrantCredentials,
  type OwnClient,
  readCredentials,
  secretsOf,
  UnreadableCredentialsError,
} from './grant-credentials';
import type { ReceivedGrant } from './received-grant';
import { recognizedTokenTypes } from './strict-response';
import { isLoopback } from './token-endpoint';
import type { Exchange, ExchangeInput } from './token-exchange';
import { type ExchangeDependencies, requestTokens } from './token-request';

const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer';

/** Never throws for errors of provider or network: the result describes them. Errors of the callbacks are rethrown. */
export async function exchangeCredentials(
  { provider, environment, account, capture, ...input }: ExchangeInput,
  grantType: CredentialsGrant,
  deps: ExchangeDependencies,
): Promise<Exchange> {
  const credentials = readCredentials(input.refreshToken.reveal());
  const endpoint = environment.tokenEndpoint;
  const result = await requestTokens(
    {
      provider,
      environment,
      request: { method: 'POST', url: endpoint.shown(account) },
      secrets: credentials === null ? [] : secretsOf(credentials),
      capture,
      hasAddress: true,
      mayBeSent: () => input.mayBeSent(''),
      // Without an access token nothing is left to store, and the answer counts as a failure.
      receive: (grant) => {
        if (grant.accessToken !== null) input.receive(withoutRefreshToken(grant));
      },
      async exchange(send) {
        if (credentials === null) throw new UnreadableCredentialsError();
        const server = await endpoint.resolve(account);
        const { client, authentication } = clientOf(environment, credentials, grantType);
        const tokenEndpoint = server.token_endpoint ?? '';
        const options = {
          [customFetch]: send,
          [allowInsecureRequests]: isLoopback(new URL(tokenEndpoint)),
        };
        const recognized = { recognizedTokenTypes: recognizedTokenTypes(provider.adapter) };
        const { parameters, scopes } = requested(environment, credentials, grantType);
        const scope = scopes.join(provider.scopeSeparator);
        if (grantType === 'client_credentials') {
          const form = { ...parameters, ...(scope === '' ? {} : { scope }) };
          const response = await clientCredentialsGrantRequest(
            server,
            client,
            authentication,
            form,
            options,
          );
          await processClientCredentialsResponse(server, client, response, recognized);
          return;
        }
        const rule = environment.grants.jwt_bearer;
        const isClaim = rule?.scopes === 'claim';
        const issuer = credentials.issuer ?? client.client_id;
        const assertion = await signAssertion(credentials, {
          issuer,
          subject: credentials.subject ?? (rule?.subject === 'issuer' ? issuer : undefined),
          audience: credentials.audience ?? rule?.audience ?? tokenEndpoint,
          scope: isClaim ? scope : '',
          lifeSeconds: rule?.lifeSeconds,
          now: deps.now(),
        });
        const form = { ...parameters, assertion, ...(isClaim || scope === '' ? {} : { scope }) };
        const response = await genericTokenEndpointRequest(
          server,
          client,
          authentication,
          JWT_BEARER,
          form,
          options,
        );
        await processGenericTokenEndpointResponse(server, client, response, recognized);
      },
    },
    deps,
  );
  return { ...result, finalPrefix: null };
}

/** A refresh token is not stored, because it would replace the credentials. RFC 6749 §4.4.3 says that there is none. */
function withoutRefreshToken({
  refreshTokenEndsAt: _endsAt,
  ...grant
}: ReceivedGrant): ReceivedGrant {
  return {
    ...grant,
    refreshToken: null,
    refreshTokenExpiry: { expiresAt: null, isStated: false },
  };
}

/** The account's own client, or the app, or no client if the assertion alone is the proof. */
function clientOf(
  environment: ProviderEnvironment,
  credentials: GrantCredentials,
  grantType: CredentialsGrant,
): { client: Client; authentication: ClientAuth } {
  const { client_id } = credentials;
  if (client_id !== undefined)
    return (
      ownClientOf(environment, credentials, grantType) ?? {
        client: { client_id },
        authentication: NO_CLIENT,
      }
    );
  return grantType === 'jwt_bearer' && environment.grants.jwt_bearer?.client !== 'required'
    ? { client: environment.client, authentication: NO_CLIENT }
    : { client: environment.client, authentication: environment.clientAuthentication };
}

/**
 * Returns the client of the account itself; `null` if it authenticates none, because a signed assertion is its only proof.
 * @throws if the provider does not accept such a client, or its key is unusable
 */
export function ownClientOf(
  environment: ProviderEnvironment,
  { client_id, client_secret = '', private_key, key_id }: GrantCredentials,
  grantType: CredentialsGrant,
): OwnClient | null {
  const isAssertion = grantType === 'jwt_bearer';
  if (client_id === undefined || (isAssertion && client_secret === '')) return null;
  const authentication = environment.authenticationOf({
    clientId: client_id,
    clientSecret: client_secret,
    // The key of jwt_bearer signs the assertion.
    ...(isAssertion || private_key === undefined ? {} : { privateKey: private_key }),
    ...(key_id === undefined ? {} : { keyId: key_id }),
  });
  if (authentication === null) throw new TypeError('the provider does not accept this client');
  return { client: { client_id }, clientSecret: client_secret, authentication };
}

/** Adds nothing to the request. @see [RFC 7521 §4.1](https://www.rfc-editor.org/rfc/rfc7521#section-4.1) */
const NO_CLIENT: ClientAuth = () => undefined;

function requested(
  { grants }: ProviderEnvironment,
  { parameters, scopes }: GrantCredentials,
  grantType: CredentialsGrant,
): { parameters: Record<string, string>; scopes: readonly string[] } {
  const rule = grants[grantType];
  return {
    parameters: { ...rule?.parameters, ...parameters },
    scopes: scopes ?? rule?.defaultScopes ?? [],
  };
}
