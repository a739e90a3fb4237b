/** Exchanges a refresh token for a new grant: one function for every provider, source and caller. */
import {
  allowInsecureRequests,
  customFetch,
  processRefreshTokenResponse,
  refreshTokenGrantRequest,
} from 'oauth4webapi';
import { prefix } from '../../domain/masking/masking';
import type { Secret } from '../../domain/masking/secret';
import type { Provider, ProviderEnvironment } from '../provider';
import type { ReceivedGrant } from './received-grant';
import { recognizedTokenTypes } from './strict-response';
import { type AccountAddress, isLoopback } from './token-endpoint';
import { type ExchangeDependencies, requestTokens, type TokenRequestResult } from './token-request';

export interface ExchangeInput {
  provider: Provider;
  environment: ProviderEnvironment;
  account: AccountAddress;
  refreshToken: Secret;
  /** Log headers and bodies, masked (debug). This changes nothing else. */
  capture: boolean;
  /**
   * Called immediately before the request is sent.
   * @returns `false` if the claim was lost, so that the request must not be sent
   */
  mayBeSent(finalRefreshToken: string): Promise<boolean>;
  /** Called at once with the grant of a 2xx response. */
  receive(grant: ReceivedGrant): void;
}

export interface Exchange extends TokenRequestResult {
  finalPrefix: string | null;
}

/** Never throws for errors of provider or network: the result describes them. Errors of the callbacks are rethrown. */
export async function exchangeRefreshToken(
  input: ExchangeInput,
  deps: ExchangeDependencies,
): Promise<Exchange> {
  const { provider, environment, account, capture } = input;
  const refreshToken = input.refreshToken.reveal();
  const endpoint = environment.refreshEndpoint ?? environment.tokenEndpoint;
  let finalPrefix: string | null = null;
  const result = await requestTokens(
    {
      provider,
      environment,
      request: {
        method: 'POST',
        url: endpoint.shown(account),
        refresh_token: prefix(refreshToken),
      },
      secrets: [refreshToken],
      capture,
      hasAddress: true,
      mayBeSent(form) {
        const final = form.get('refresh_token') ?? '';
        finalPrefix = prefix(final);
        return input.mayBeSent(final);
      },
      receive: (grant) => input.receive(grant),
      async exchange(send) {
        const server = await endpoint.resolve(account);
        const response = await refreshTokenGrantRequest(
          server,
          environment.client,
          environment.clientAuthentication,
          refreshToken,
          {
            [customFetch]: send,
            [allowInsecureRequests]: isLoopback(new URL(server.token_endpoint ?? '')),
            additionalParameters: environment.parameters,
          },
        );
        await processRefreshTokenResponse(server, environment.client, response, {
          recognizedTokenTypes: recognizedTokenTypes(provider.adapter),
        });
      },
    },
    deps,
  );
  return { ...result, finalPrefix };
}
