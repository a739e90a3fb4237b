/** Revokes one token at its provider. */
import {
  allowInsecureRequests,
  customFetch,
  processRevocationResponse,
  ResponseBodyError,
  revocationRequest,
} from 'oauth4webapi';
import type { RevocationResult } from '../../domain/connect/disconnection';
import type { Secret } from '../../domain/masking/secret';
import { retryAfterMs } from '../../domain/refresh/refresh-failure';
import { header } from '../exchange/exchange-conclusion';
import { type AccountAddress, accountAddress, isLoopback } from '../exchange/token-endpoint';
import type { ExchangeDependencies } from '../exchange/token-request';
import type { TransportResponse } from '../exchange/transport';
import type { ProviderEnvironment } from '../provider';
import { HTTP_DEADLINE_MS, sendForm } from './send-form';

export interface RevocationInput extends AccountAddress {
  environment: ProviderEnvironment;
  token: Secret;
  hint: 'refresh_token' | 'access_token';
}

export interface Revocation {
  /** `unknown`: no usable response arrived, so the token may still be valid. A later attempt may succeed. */
  result: RevocationResult;
  /** How long, in ms, the provider asks to wait; 0 if it does not. */
  retryAfterMs: number;
}

/** @see [RFC 7009](https://www.rfc-editor.org/rfc/rfc7009) */
export async function revokeToken(
  { environment, token, hint, ...account }: RevocationInput,
  { transport, now }: ExchangeDependencies,
): Promise<Revocation> {
  let answer: TransportResponse | undefined;
  const ended = (result: RevocationResult): Revocation => {
    const asked = answer === undefined ? null : header(answer, 'retry-after');
    return { result, retryAfterMs: asked === null ? 0 : retryAfterMs(asked, now()) };
  };
  try {
    const metadata = environment.consent?.metadata ?? environment.tokenEndpoint;
    const known = await metadata.resolve(account);
    const template = environment.revocationEndpoint ?? known.revocation_endpoint;
    if (template === undefined) return ended('not_supported');
    const endpoint = accountAddress(template, account, environment.hosts ?? {});
    if (environment.revocationCall !== undefined) {
      const { revocationCall } = environment;
      const request = revocationCall.request(endpoint, token.reveal(), hint);
      if (request === null) return ended('not_supported');
      answer = await transport.send({ ...request, deadlineMs: HTTP_DEADLINE_MS });
      return ended(revocationCall.judge(answer));
    }
    const send = sendForm({
      send: async (request) => {
        answer = await transport.send(request);
        return answer;
      },
    });
    const response = await revocationRequest(
      { ...known, revocation_endpoint: endpoint },
      environment.client,
      environment.clientAuthentication,
      token.reveal(),
      {
        additionalParameters: { token_type_hint: hint },
        [allowInsecureRequests]: isLoopback(new URL(endpoint)),
        [customFetch]: send,
      },
    );
    await processRevocationResponse(response);
    return ended('revoked');
  } catch (error) {
    // Errors of the library stop here, because they may contain the token.
    const refusal = error instanceof ResponseBodyError ? error.error : undefined;
    if (refusal === 'unsupported_token_type') return ended('not_supported');
    // Google's refusal of a token that is revoked already. RFC 7009 requires a 200.
    if (refusal === 'invalid_token') return ended('revoked');
    const status = answer?.status ?? 0;
    const isRefused = status >= 400 && status < 500 && status !== 429;
    return ended(isRefused ? 'refused' : 'unknown');
  }
}
