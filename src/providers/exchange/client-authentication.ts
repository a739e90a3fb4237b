/** Client authentication at the token endpoint, one implementation per method for all providers. */
import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { type ClientAuth, ClientSecretPost, None, PrivateKeyJwt } from 'oauth4webapi';

/** @see [OpenID Connect Core 1.0 §9](https://openid.net/specs/openid-connect-core-1_0.html#ClientAuthentication) */
export const CLIENT_AUTHENTICATION_METHODS = [
  'client_secret_basic',
  'client_secret_post',
  'private_key_jwt',
  'none',
] as const;
export type ClientAuthenticationMethod = (typeof CLIENT_AUTHENTICATION_METHODS)[number];

export interface ClientCredentials {
  clientId: string;
  /** Empty if the method needs none. */
  clientSecret: string;
  /** A private key in PEM (PKCS #8, PKCS #1, SEC 1) or JWK format. */
  privateKey?: string;
  /** The key's `kid` at the provider. */
  keyId?: string;
}

/**
 * Returns the function that adds client authentication to a request.
 *
 * @throws if the private key is unusable; the message does not contain the key
 */
export function clientAuthentication(
  method: ClientAuthenticationMethod,
  credentials: ClientCredentials,
): ClientAuth {
  switch (method) {
    case 'client_secret_basic':
      return clientSecretBasic(credentials);
    case 'client_secret_post':
      return ClientSecretPost(credentials.clientSecret);
    case 'private_key_jwt':
      return privateKeyJwt(credentials);
    case 'none':
      return None();
  }
}

/** Returns the credential that a method needs besides the client id. */
export function credentialOf(
  method: ClientAuthenticationMethod,
): 'clientSecret' | 'privateKey' | null {
  if (method === 'none') return null;
  return method === 'private_key_jwt' ? 'privateKey' : 'clientSecret';
}

/**
 * Returns the method for a client that is an account's own: a key needs `private_key_jwt`, a secret the app's method, or
 * the first one for secrets that the provider accepts. `null`: the provider accepts none for these credentials.
 */
export function methodOfOwnClient(
  { clientSecret, privateKey }: ClientCredentials,
  method: ClientAuthenticationMethod,
  accepted: readonly ClientAuthenticationMethod[],
): ClientAuthenticationMethod | null {
  const needed =
    privateKey !== undefined ? 'privateKey' : clientSecret === '' ? null : 'clientSecret';
  return [method, ...accepted].find((one) => credentialOf(one) === needed) ?? null;
}

/** Returns the problem of a private key, or `null`. */
export function privateKeyProblem(privateKey: string): string | null {
  try {
    importable(privateKey);
    return null;
  } catch {
    return 'must be a private key in PEM or JWK format: RSA (2048 bits or more), P-256, P-384, P-521 or Ed25519';
  }
}

/**
 * Form-encodes both parts as RFC 6749 §2.3.1 requires, and no further. oauth4webapi also encodes hyphens and dots,
 * which servers that do not decode would refuse.
 */
function clientSecretBasic({ clientId, clientSecret }: ClientCredentials): ClientAuth {
  const pair = `${formEncoded(clientId)}:${formEncoded(clientSecret)}`;
  return (_server, _client, _body, headers) => {
    headers.set('authorization', `Basic ${Buffer.from(pair).toString('base64')}`);
  };
}

function formEncoded(text: string): string {
  return new URLSearchParams({ text }).toString().slice('text='.length);
}

/**
 * Imports the key into Web Crypto at first use, because importing is asynchronous and configuration is not.
 * @see [RFC 7523 §2.2](https://www.rfc-editor.org/rfc/rfc7523#section-2.2)
 */
function privateKeyJwt({ privateKey = '', keyId }: ClientCredentials): ClientAuth {
  const { key, algorithm } = importable(privateKey);
  let ready: Promise<ClientAuth> | undefined;
  return async (...request) => {
    ready ??= crypto.subtle
      .importKey('pkcs8', key.export({ format: 'der', type: 'pkcs8' }), algorithm, false, ['sign'])
      .then((imported) =>
        PrivateKeyJwt(keyId === undefined ? imported : { key: imported, kid: keyId }),
      );
    return (await ready)(...request);
  };
}

type ImportAlgorithm = Parameters<typeof crypto.subtle.importKey>[2];

/** @throws if the text is not a supported private key; the message does not contain it */
export function importable(privateKey: string): { key: KeyObject; algorithm: ImportAlgorithm } {
  const text = privateKey.trim();
  const key = text.startsWith('{')
    ? createPrivateKey({ key: JSON.parse(text), format: 'jwk' })
    : // Environment variables often contain line breaks as `\n`.
      createPrivateKey(text.replaceAll('\\n', '\n'));
  return { key, algorithm: algorithmOf(key) };
}

function algorithmOf(key: KeyObject): ImportAlgorithm {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key;
  if (type === 'rsa' && (details?.modulusLength ?? 0) >= 2048)
    return { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' };
  if (type === 'ec') {
    const { crv } = createPublicKey(key).export({ format: 'jwk' });
    if (crv === 'P-256' || crv === 'P-384' || crv === 'P-521')
      return { name: 'ECDSA', namedCurve: crv };
  }
  if (type === 'ed25519') return { name: 'Ed25519' };
  throw new TypeError('unsupported kind of private key');
}
