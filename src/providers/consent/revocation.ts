/** Revokes one token at its provider. */
import {
  allowInsecureRequests,
  customFetch,
  processRevocationResponse,
  ResponseBodyError,
  revocationRequest,
} from 'oauth4webapi';
import type { Secret } from '../../domain/masking/secret';
import { isLoopback } from '../exchange/token-endpoint';
import type { Transport } from '../exchange/transport';
import type { Provider, ProviderEnvironment } from '../provider';
import { consentServer } from './consent-server';
import { sendForm } from './send-form';

export interface RevocationInput {
  provider: Provider;
  environment: ProviderEnvironment;
  externalId: string;
  token: Secret;
  hint: 'refresh_token' | 'access_token';
}

/** `unknown`: no usable response arrived, so the token may still be valid. A later attempt may succeed. */
export type RevocationOutcome = 'revoked' | 'not_supported' | 'refused' | 'unknown';

/** @see [RFC 7009](https://www.rfc-editor.org/rfc/rfc7009) */
export async function revokeToken(
  { provider, environment, externalId, token, hint }: RevocationInput,
  transport: Transport,
): Promise<RevocationOutcome> {
  const { consent } = environment;
  if (consent === null) return 'not_supported';
  let status: number | undefined;
  try {
    const target = { provider, environment, externalId, inputs: {} };
    const server = await consentServer(consent, target);
    const { revocation_endpoint: endpoint } = server;
    if (endpoint === undefined) return 'not_supported';
    const send = sendForm(transport);
    const response = await revocationRequest(
      server,
      environment.client,
      environment.clientAuthentication,
      token.reveal(),
      {
        additionalParameters: { token_type_hint: hint },
        [allowInsecureRequests]: isLoopback(new URL(endpoint)),
        [customFetch]: async (url, options) => {
          const answer = await send(url, options);
          ({ status } = answer);
          return answer;
        },
      },
    );
    await processRevocationResponse(response);
    return 'revoked';
  } catch (error) {
    // Errors of the library stop here, because they may contain the token.
    const refusal = error instanceof ResponseBodyError ? error.error : undefined;
    if (refusal === 'unsupported_token_type') return 'not_supported';
    // Google's refusal of a token that is revoked already. RFC 7009 requires a 200.
    if (refusal === 'invalid_token') return 'revoked';
    const isRefused = status !== undefined && status >= 400 && status < 500 && status !== 429;
    return isRefused ? 'refused' : 'unknown';
  }
}
