/** Describes how to validate access tokens of a provider, and how to judge its responses. */
import type { RefreshFailureCode } from '../../domain/refresh/refresh-failure';

/** One cheap call that any live access token may make. */
export interface TokenValidation {
  /** URLs by environment, as {@link ProviderAdapter.tokenEndpoints}. `validationEndpoint` of `providers.yaml` wins. */
  endpoints: Readonly<Record<string, string>>;
  method: 'GET' | 'POST';
  body?: { contentType: string; text: string };
  /** The headers that present the token. Default: `Authorization: Bearer`. */
  present?: (
    accessToken: string,
    client: { clientId: string; clientSecret: string },
  ) => Record<string, string>;
  /**
   * Decides cases in which the status alone is ambiguous. `undefined`: 2xx is valid, 401 and 403 refuse the token, any
   * other status gives no verdict.
   */
  judge?: (status: number, body: Record<string, unknown> | null) => TokenJudgement | undefined;
}

/** `access_token_refused`: the token is dead. Any other failure leaves its validity unknown. */
export type TokenJudgement = 'valid' | RefreshFailureCode;
