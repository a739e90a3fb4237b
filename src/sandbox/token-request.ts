/** Reads a token request as RFC 6749 words it: a form body, and a client that authenticates in one of two ways. */
import type { PresentedRequest, TokenRequest } from './dialect';

/**
 * The client credentials of a Basic header, split at the first colon and taken literally.
 *
 * RFC 6749 has both parts form-encoded before Base64; eBay documents the bare `client_id:client_secret`,
 * and a client that encodes the hyphens of its id is another client here.
 *
 * @see [RFC 6749 section 2.3.1](https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1)
 * @see [RFC 7617 section 2](https://www.rfc-editor.org/rfc/rfc7617#section-2)
 */
function readBasicCredentials(
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
 * The parameters of a form body; empty values count as absent, as section 3.2 asks.
 * Any other content type yields no parameter at all.
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
 * A token request of a client that must authenticate by Basic: credentials in the body are not read,
 * and beside a Basic header they are a second authentication, which section 2.3 forbids.
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

/** A token request whose client names itself in the body; an Authorization header beside it is a second one. */
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

function readAsked(
  parameters: ReadonlyMap<string, string>,
): Pick<TokenRequest, 'grantType' | 'refreshToken' | 'scopes'> {
  const grantType = parameters.get('grant_type');
  const refreshToken = parameters.get('refresh_token');
  const scope = parameters.get('scope');
  return {
    ...(grantType !== undefined && { grantType }),
    ...(refreshToken !== undefined && { refreshToken }),
    ...(scope !== undefined && { scopes: scope.split(' ').filter((token) => token !== '') }),
  };
}
