/** The grant types: how an account obtains its access tokens. Two of them work without a person. */

/** The grant types whose accounts hold credentials in place of a refresh token. */
export const CREDENTIALS_GRANTS = ['client_credentials', 'jwt_bearer'] as const;

export type CredentialsGrant = (typeof CREDENTIALS_GRANTS)[number];

export const GRANT_TYPES = ['refresh_token', ...CREDENTIALS_GRANTS] as const;

/**
 * `refresh_token`: a person gave a consent. `client_credentials` and `jwt_bearer`: the account holds credentials, which
 * are not used up by a request.
 * @see [RFC 6749 §4.4](https://www.rfc-editor.org/rfc/rfc6749#section-4.4)
 * @see [RFC 7523 §2.1](https://www.rfc-editor.org/rfc/rfc7523#section-2.1)
 */
export type GrantType = (typeof GRANT_TYPES)[number];

export function holdsCredentials(grantType: GrantType | undefined): grantType is CredentialsGrant {
  return grantType !== undefined && grantType !== 'refresh_token';
}

/** The name of what the account holds, for messages to people. */
export function grantNoun(grantType: GrantType | undefined): string {
  return holdsCredentials(grantType) ? 'credentials' : 'refresh token';
}
