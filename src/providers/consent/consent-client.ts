/** Everything that a connect session asks of a provider: the authorization URL, the code exchange and revocations. */
import type { ExchangeDependencies } from '../exchange/token-request';
import type { Provider } from '../provider';
import { type AuthorizationInput, authorizationUrl } from './authorization-request';
import { type CodeExchange, type CodeExchangeInput, exchangeCode } from './code-exchange';
import type { ConsentRules } from './consent';
import { type Revocation, type RevocationInput, revokeToken } from './revocation';

export interface ConsentClient {
  /** `null`: this provider has no consent flow. */
  rulesOf(provider: Provider): ConsentRules | null;
  /** @throws {AuthorizationRequestError} */
  authorizationUrl(input: AuthorizationInput): Promise<URL>;
  /** Validates the callback and exchanges the code once. Never throws for errors of the provider. */
  exchangeCode(input: CodeExchangeInput): Promise<CodeExchange>;
  revoke(input: RevocationInput): Promise<Revocation>;
}

export function createConsentClient(deps: ExchangeDependencies): ConsentClient {
  return {
    rulesOf: ({ consent }) => consent,
    authorizationUrl: (input) => authorizationUrl(input, deps.transport),
    exchangeCode: (input) => exchangeCode(input, deps),
    revoke: (input) => revokeToken(input, deps),
  };
}
