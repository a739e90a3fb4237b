/**
 * How a provider is asked whether an access token works: by a call of its API that any living token may make, or by
 * introspection. Building and judging only; sending is done for all of them by `token-validation.ts`.
 */
import {
  type AuthorizationServer,
  allowInsecureRequests,
  type Client,
  type ClientAuth,
  customFetch,
  introspectionRequest,
} from 'oauth4webapi';
import type { TokenJudgement, TokenValidation } from './provider';
import { parseObject } from './salvage-tokens';
import {
  type AccountAddress,
  type AccountHost,
  accountAddress,
  isLoopback,
} from './token-endpoint';
import type { TransportRequest, TransportResponse } from './transport';

type ValidationRequest = Omit<TransportRequest, 'deadlineMs'>;

export interface ValidationEndpoint {
  method: 'GET' | 'POST';
  /** For the terminal, where it did not come to sending. */
  shown(account: AccountAddress): string;
  /**
   * Builds the request and hands it to `send`, once.
   * @throws {AccountAddressError} {@link NotSentError} or {@link ValidationNotSupportedError}, before anything is sent
   */
  ask(
    account: AccountAddress,
    accessToken: string,
    send: (request: ValidationRequest) => Promise<unknown>,
  ): Promise<void>;
  judge(answer: Pick<TransportResponse, 'status' | 'body'>): TokenJudgement | undefined;
}

/** The authorization server offers nothing by which a token could be judged. */
export class ValidationNotSupportedError extends Error {
  override name = 'ValidationNotSupportedError';
}

/** A call that presents the token. */
export function validationCall(
  validation: TokenValidation,
  template: string,
  client: { clientId: string; clientSecret: string },
  accountHost?: AccountHost,
): ValidationEndpoint {
  const { method, body } = validation;
  const present = validation.present ?? bearer;
  return {
    method,
    shown: ({ externalId }) =>
      template.replace('{account}', () => accountHost?.(externalId) ?? '<unknown>'),
    async ask(account, accessToken, send) {
      await send({
        url: accountAddress(template, account, accountHost),
        method,
        headers: {
          accept: 'application/json',
          'user-agent': 'Evergrant',
          ...(body === undefined ? {} : { 'content-type': body.contentType }),
          ...present(accessToken, client),
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
): ValidationEndpoint {
  return {
    method: 'POST',
    shown: () => server.shown,
    async ask(_account, accessToken, send) {
      const known = await server.resolve();
      const { introspection_endpoint: endpoint } = known;
      if (endpoint === undefined)
        throw new ValidationNotSupportedError('no introspection endpoint');
      await introspectionRequest(known, client, clientAuthentication, accessToken, {
        additionalParameters: { token_type_hint: 'access_token' },
        [allowInsecureRequests]: isLoopback(new URL(endpoint)),
        [customFetch]: async (url, { headers, body }) => {
          await send({ url, method: 'POST', headers, body: String(body) });
          // What it says is judged below, from what came over the wire.
          return new Response();
        },
      });
    },
    judge({ status, body }) {
      // It is the client that is refused here: of the token nothing was said.
      if (status === 401 || status === 403) return 'invalid_client';
      if (status !== 200) return undefined;
      const active = parseObject(body)?.['active'];
      if (active === true) return 'valid';
      return active === false ? 'access_token_refused' : 'validation_inconclusive';
    },
  };
}
