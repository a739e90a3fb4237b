/** An OpenID provider on a real socket that returns the ID token that a test creates, even an invalid one. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import { type CryptoKey, exportJWK, generateKeyPair } from 'jose';
import { Secret } from '../../src/domain/masking/secret';
import type { OidcConfig } from '../../src/process/config';
import { nowSeconds, signed } from '../api/_jwt';

type Claims = Record<string, unknown>;

const KEY_ID = 'provider-key';
const LOGOUT_EVENT = 'http://schemas.openid.net/event/backchannel-logout';

export interface OpenIdProviderDouble {
  config: OidcConfig;
  /** Creates the next ID tokens from the correct claims. */
  idToken: (claims: Claims) => Promise<string> | string;
  /** Signed as the provider does, or with another key. */
  sign(claims: Claims, otherwise?: { alg?: string; key?: CryptoKey | Uint8Array }): Promise<string>;
  /** A valid logout token, except for the given claims. */
  logoutToken(claims?: Claims): Promise<string>;
  /** Stores and returns the parameters of an authorization request. The next ID token carries its nonce. */
  remember(authorizationUrl: string): URLSearchParams;
  stop(): Promise<void>;
}

export async function startOpenIdProvider(config: Partial<OidcConfig> = {}) {
  const { privateKey, publicKey } = await generateKeyPair('RS256');
  const jwk = { ...(await exportJWK(publicKey)), kid: KEY_ID, alg: 'RS256', use: 'sig' };
  let asked = new URLSearchParams();
  const server = createServer((request, response) => {
    const answer = (body: unknown): void => {
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    };
    if (request.url === '/.well-known/openid-configuration') {
      return answer({
        issuer,
        authorization_endpoint: `${issuer}/authorize`,
        token_endpoint: `${issuer}/token`,
        jwks_uri: `${issuer}/jwks`,
        response_types_supported: ['code'],
        subject_types_supported: ['public'],
        // Offers every algorithm: the client must decide which ones it accepts.
        id_token_signing_alg_values_supported: ['RS256', 'HS256', 'none'],
      });
    }
    if (request.url === '/jwks') return answer({ keys: [jwk] });
    request.resume();
    const claims = {
      iss: issuer,
      aud: double.config.clientId,
      sub: 'alma',
      iat: nowSeconds(),
      exp: nowSeconds() + 600,
      nonce: asked.get('nonce'),
    };
    void Promise.resolve(double.idToken(claims)).then((id_token) =>
      answer({ access_token: 'unused', token_type: 'Bearer', id_token }),
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const issuer = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
  const double: OpenIdProviderDouble = {
    config: {
      issuer: new URL(issuer),
      clientId: 'evergrant',
      clientSecret: new Secret('the-secret-of-the-client-at-the-provider'),
      organisation: { fixed: 'acme' },
      scopesClaim: null,
      ...config,
    },
    idToken: (claims) => double.sign(claims),
    sign: (claims, { alg = 'RS256', key = privateKey } = {}) =>
      signed(key, { alg, kid: KEY_ID }, claims),
    logoutToken: (claims = {}) =>
      double.sign({
        iss: issuer,
        aud: double.config.clientId,
        sub: 'alma',
        iat: nowSeconds(),
        exp: nowSeconds() + 120,
        jti: crypto.randomUUID(),
        events: { [LOGOUT_EVENT]: {} },
        ...claims,
      }),
    remember: (url) => (asked = new URL(url).searchParams),
    async stop() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
  return double;
}
