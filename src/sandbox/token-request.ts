/** Parses a token request as RFC 6749 defines it: a form body and one of two client authentications. */
import type { PresentedRequest, TokenRequest } from './dialect';

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

/**
 * Reads the parameters of a form body. Empty values count as absent, as section 3.2 requires. Other content types yield
 * no parameters.
 *
 * @see [RFC 6749 section 3.2](https://www.rfc-editor.org/rfc/rfc6749#section-3.2)
 */
function readForm(request: PresentedRequest): {
  parameters: ReadonlyMap<string, string>;
  repeated: boolean;
} {
  const parameters = new Map<string, string>();
  let repeated = false;
  const mediaType = request.contentType?.split(';')[0]?.trim().toLowerCase();
  if (mediaType !== 'application/x-www-form-urlencoded') return { parameters, repeated };
  for (const [name, value] of new URLSearchParams(request.body)) {
    if (value === '') continue;
    repeated ||= parameters.has(name);
    parameters.set(name, value);
  }
  return { parameters, repeated };
}

/**
 * Reads the request of a client that must use Basic authentication. Credentials in the body are ignored; next to a
 * Basic header they are a second authentication, which section 2.3 forbids.
 *
 * @see [RFC 6749 section 6](https://www.rfc-editor.org/rfc/rfc6749#section-6)
 */
export function readBasicTokenRequest(request: PresentedRequest): TokenRequest {
  const credentials = readBasicCredentials(request.authorization);
  const { parameters, repeated } = readForm(request);
  return {
    ...credentials,
    ...readAsked(parameters),
    malformed: repeated || (credentials !== undefined && parameters.has('client_secret')),
  };
}

/** Reads the request of a client that authenticates in the body. An Authorization header is a second authentication. */
export function readBodyTokenRequest(request: PresentedRequest): TokenRequest {
  const { parameters, repeated } = readForm(request);
  const clientId = parameters.get('client_id');
  const clientSecret = parameters.get('client_secret');
  return {
    ...(clientId !== undefined && { clientId }),
    ...(clientSecret !== undefined && { clientSecret }),
    ...readAsked(parameters),
    malformed: repeated || request.authorization !== undefined,
  };
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
