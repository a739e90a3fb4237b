/**
 * Validation requests: an API call that any live token may make, or introspection. Builds requests and judges
 * responses; `token-validation.ts` sends them.
 */
import {
  type AuthorizationServer,
  allowInsecureRequests,
  type Client,
  type ClientAuth,
  customFetch,
  introspectionRequest,
} from 'oauth4webapi';
import { parseObject } from '../exchange/answer-members';
import type { OwnClient } from '../exchange/grant-credentials';
import {
  type AccountAddress,
  type AccountHosts,
  accountAddress,
  isLoopback,
  shownAddress,
} from '../exchange/token-endpoint';
import type { TransportRequest, TransportResponse } from '../exchange/transport';
import type { TokenJudgement, TokenValidation } from './validation-rule';

type ValidationRequest = Omit<TransportRequest, 'deadlineMs'>;

export interface ValidationEndpoint {
  method: 'GET' | 'POST';
  /** The URL for the log if no request was sent. */
  shown(account: AccountAddress): string;
  /**
   * Builds the request and calls `send` once.
   * @param own the client of the account itself; `null`: it has none. Absent: the OAuth app
   * @throws {AccountAddressError} {@link NotSentError} or {@link ValidationNotSupportedError}, before anything is sent
   */
  ask(
    account: AccountAddress,
    accessToken: string,
    send: (request: ValidationRequest) => Promise<unknown>,
    own?: OwnClient | null,
  ): Promise<void>;
  judge(
    answer: Pick<TransportResponse, 'status' | 'body'>,
    own?: OwnClient | null,
  ): TokenJudgement | undefined;
}

/** The authorization server has no introspection endpoint, or the account has no client that may ask it. */
export class ValidationNotSupportedError extends Error {
  override name = 'ValidationNotSupportedError';
}

export function validationCall(
  validation: TokenValidation,
  template: string,
  client: { clientId: string; clientSecret: string },
  hosts: AccountHosts,
): ValidationEndpoint {
  const { method, body } = validation;
  const present = validation.present ?? bearer;
  return {
    method,
    shown: (account) => shownAddress(template, account, hosts),
    async ask(account, accessToken, send, own) {
      const asking = own
        ? { clientId: own.client.client_id, clientSecret: own.clientSecret }
        : client;
      await send({
        url: accountAddress(template, account, hosts),
        method,
        headers: {
          accept: 'application/json',
          'user-agent': 'Evergrant',
          ...(body === undefined ? {} : { 'content-type': body.contentType }),
          ...present(accessToken, asking),
        },
        ...(body === undefined ? {} : { body: body.text }),
      });
    },
    judge: ({ status, body: text }) => validation.judge?.(status, parseObject(text)),
  };
}

function bearer(accessToken: string): Record<string, string> {
  return { authorization: `Bearer ${accessToken}` };
}

/** @see [RFC 7662](https://www.rfc-editor.org/rfc/rfc7662) */
export function introspection(
  server: { shown: string; resolve(): Promise<AuthorizationServer> },
  client: Client,
  clientAuthentication: ClientAuth,
  { isPublic }: { isPublic: boolean },
): ValidationEndpoint {
  return {
    method: 'POST',
    shown: () => server.shown,
    async ask(_account, accessToken, send, own) {
      if (own === null)
        throw new ValidationNotSupportedError('the account has no client that could authenticate');
      const known = await server.resolve();
      const { introspection_endpoint: endpoint } = known;
      if (endpoint === undefined)
        throw new ValidationNotSupportedError('the issuer has no introspection endpoint');
      const asking = own ?? { client, authentication: clientAuthentication };
      await introspectionRequest(known, asking.client, asking.authentication, accessToken, {
        additionalParameters: { token_type_hint: 'access_token' },
        [allowInsecureRequests]: isLoopback(new URL(endpoint)),
        [customFetch]: async (url, { headers, body }) => {
          await send({ url, method: 'POST', headers, body: String(body) });
          // Placeholder: `judge` evaluates the actual response.
          return new Response();
        },
      });
    },
    judge({ status, body }, own) {
      // The server refused the client, so the token's validity is unknown. A public client cannot authenticate, and a
      // 403 means that the client is known but not allowed to introspect.
      if (status === 403 || (status === 401 && isPublic && !own)) return 'validation_not_allowed';
      if (status === 401) return 'invalid_client';
      const refusal = status === 400 ? parseObject(body)?.['error'] : undefined;
      if (refusal === 'unauthorized_client' || refusal === 'access_denied')
        return 'validation_not_allowed';
      if (status !== 200) return undefined;
      const active = parseObject(body)?.['active'];
      if (active === true) return 'valid';
      return active === false ? 'access_token_refused' : 'validation_inconclusive';
    },
  };
}
