/** The consent at a provider, as the rest of Evergrant uses it: authorization request, code exchange and revocation. */
import type { ConnectFailure } from '../../domain/connect/connect-session';
import type { MaskedResponse } from '../../domain/logs/log-entry';
import type { Secret } from '../../domain/masking/secret';
import type { ReceivedGrant } from '../exchange/received-grant';
import type { Provider, ProviderEnvironment } from '../provider';
import type { ConsentRules } from './consent';

/** The members that each request of one leg shares. */
interface ConsentLeg {
  provider: Provider;
  environment: ProviderEnvironment;
  externalId: string | null;
  inputs: Record<string, string>;
  state: string;
  /** `null`: the provider refuses PKCE. */
  verifier: string | null;
  redirectUri: string;
}

export type ConsentExchange =
  | {
      kind: 'granted';
      grant: ReceivedGrant;
      subject: { value: string; label: string | null } | null;
      response: MaskedResponse | null;
      warnings: string[];
    }
  | {
      kind: 'failed';
      failure: ConnectFailure;
      detail: string | null;
      response: MaskedResponse | null;
    };

type Revocation = 'revoked' | 'not_supported' | 'refused' | 'unknown';

export interface ConsentClient {
  /** `null`: this provider has no consent flow. */
  rulesOf(provider: Provider): ConsentRules | null;
  /** Builds the URL of the provider, and pushes the request first (RFC 9126) where the metadata require it. */
  authorizationUrl(input: ConsentLeg & { scopes: readonly string[] }): Promise<URL>;
  /** Validates the callback's parameters and exchanges the code once. Never throws for errors of the provider. */
  exchangeCode(
    input: ConsentLeg & {
      parameters: URLSearchParams;
      /** Called at once with the grant of a 2xx response. */
      receive(grant: ReceivedGrant): void;
    },
  ): Promise<ConsentExchange>;
  /** Revokes a token by RFC 7009 or in the provider's way. */
  revoke(input: {
    provider: Provider;
    environment: ProviderEnvironment;
    externalId: string;
    token: Secret;
    hint: 'refresh_token' | 'access_token';
  }): Promise<Revocation>;
}

/** For a process without providers that have a consent flow. */
export const NO_CONSENT_FLOWS: ConsentClient = {
  rulesOf: () => null,
  authorizationUrl: () => Promise.reject(new TypeError('this provider has no consent flow')),
  exchangeCode: () =>
    Promise.resolve({ kind: 'failed', failure: 'app_refused', detail: null, response: null }),
  revoke: () => Promise.resolve('not_supported'),
};
