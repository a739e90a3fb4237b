/** Reads the parts of a token request that RFC 6749 defines: the Basic header and the parameters. */
import type { TokenRequest } from './dialect';

/**
 * Reads the client credentials of a Basic header, split at the first colon and not decoded further.
 *
 * RFC 6749 requires form encoding of both parts before Base64, but eBay documents the plain `client_id:client_secret`.
 * A client that encodes the hyphens of its id is therefore unknown here.
 *
 * @see [RFC 6749 section 2.3.1](https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1)
 * @see [RFC 7617 section 2](https://www.rfc-editor.org/rfc/rfc7617#section-2)
 */
export function readBasicCredentials(
  authorization: string | undefined,
): { clientId: string; clientSecret: string } | undefined {
  const encoded = /^basic +([a-z0-9+/]+={0,2})$/i.exec(authorization ?? '')?.[1];
  if (encoded === undefined) return undefined;
  const decoded = Buffer.from(encoded, 'base64').toString('utf8');
  const colon = decoded.indexOf(':');
  if (colon < 0) return undefined;
  return { clientId: decoded.slice(0, colon), clientSecret: decoded.slice(colon + 1) };
}

export function readAsked(
  parameters: ReadonlyMap<string, string>,
): Omit<TokenRequest, 'clientId' | 'clientSecret' | 'malformed'> {
  const grantType = parameters.get('grant_type');
  const refreshToken = parameters.get('refresh_token');
  const scope = parameters.get('scope');
  const code = parameters.get('code');
  const redirectUri = parameters.get('redirect_uri');
  const codeVerifier = parameters.get('code_verifier');
  const token = parameters.get('token');
  const assertion = parameters.get('assertion');
  return {
    ...(grantType !== undefined && { grantType }),
    ...(refreshToken !== undefined && { refreshToken }),
    ...(code !== undefined && { code }),
    ...(redirectUri !== undefined && { redirectUri }),
    ...(codeVerifier !== undefined && { codeVerifier }),
    ...(token !== undefined && { token }),
    ...(assertion !== undefined && { assertion }),
    ...(scope !== undefined && { scopes: scope.split(' ').filter((one) => one !== '') }),
  };
}
