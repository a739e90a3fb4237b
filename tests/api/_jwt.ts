/** Issuers of JWTs: one shares a secret with the API, the other publishes its keys over HTTP. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { type CryptoKey, exportJWK, exportSPKI, generateKeyPair, type JWK, SignJWT } from 'jose';
import { Secret } from '../../src/domain/masking/secret';
import type { JwtConfig } from '../../src/process/config';

/** The claims of a JWT; a claim that is `undefined` is left out. */
type Claims = Record<string, unknown>;

export interface Issuer {
  /** The configuration with which the API trusts the issuer. */
  config: JwtConfig;
  /** A JWT that is valid for one minute, unless the claims say otherwise. */
  sign(claims?: Claims, header?: { alg?: string; kid?: string | undefined }): Promise<string>;
}

export interface JwksIssuer extends Issuer {
  /** The public key as a secret, as an algorithm confusion attack uses it. */
  publicKeyTexts(): Promise<string[]>;
  /** The published key set. */
  publicKey(): JWK;
  /** Replaces the response that contains the keys. */
  answer: { status: number; body: string } | null;
  /** The number of requests for the keys. */
  fetched(): number;
  /** Stops the issuer, and starts it again at the same address. */
  stop(): Promise<void>;
  start(): Promise<void>;
}

export const nowSeconds = () => Math.floor(Date.now() / 1000);

function jwtConfig(keys: JwtConfig['keys']): JwtConfig {
  return { keys, issuer: null, audience: null, organisationClaims: ['organisation', 'org_id'] };
}

/** Signs any claims with any algorithm, also if the result is invalid. */
export function signed(
  key: CryptoKey | Uint8Array,
  header: { alg: string; kid?: string },
  claims: Claims,
): Promise<string> {
  const all = { sub: 'somebody', exp: nowSeconds() + 60, ...claims };
  return new SignJWT(all).setProtectedHeader(header).sign(key);
}

export function secretIssuer(): Issuer & { secret: string } {
  const secret = randomBytes(32).toString('base64url');
  return {
    secret,
    config: jwtConfig({ secret: new Secret(secret) }),
    sign: (claims = {}, { alg = 'HS256' } = {}) =>
      signed(new TextEncoder().encode(secret), { alg }, claims),
  };
}

/** Has one key per algorithm. By default the first one signs. */
export async function startJwksIssuer(algorithms = ['RS256']): Promise<JwksIssuer> {
  const privateKeys = new Map<string, CryptoKey>();
  const publicKeys: { key: CryptoKey; jwk: JWK }[] = [];
  for (const alg of algorithms) {
    const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
    privateKeys.set(alg, privateKey);
    const jwk = { ...(await exportJWK(publicKey)), alg, kid: alg, use: 'sig' };
    publicKeys.push({ key: publicKey, jwk });
  }
  let fetches = 0;
  const server = createServer((_request, response) => {
    fetches += 1;
    const { status, body } = issuer.answer ?? {
      status: 200,
      body: JSON.stringify({ keys: publicKeys.map(({ jwk }) => jwk) }),
    };
    response.writeHead(status, { 'content-type': 'application/json' }).end(body);
  });
  const listen = async (port: number) => {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('not listening on a port');
    return address.port;
  };
  const port = await listen(0);
  const [first = 'RS256'] = algorithms;
  const issuer: JwksIssuer = {
    config: jwtConfig({ jwksUrl: `http://127.0.0.1:${port}/.well-known/jwks.json` }),
    answer: null,
    fetched: () => fetches,
    sign(claims = {}, header = {}) {
      const { alg = first, kid } = { kid: header.alg ?? first, ...header };
      const key = privateKeys.get(alg);
      if (key === undefined) throw new Error(`no key for ${alg}`);
      return signed(key, { alg, ...(kid === undefined ? {} : { kid }) }, claims);
    },
    publicKey: () => ({ ...publicKeys[0]?.jwk }),
    async publicKeyTexts() {
      const texts = await Promise.all(
        publicKeys.map(async ({ key, jwk }) => {
          const pem = await exportSPKI(key);
          return [pem, `${pem}\n`, pem.trim(), JSON.stringify(jwk), jwk.n ?? jwk.x ?? ''];
        }),
      );
      return texts.flat().filter((text) => text !== '');
    },
    async stop() {
      if (!server.listening) return;
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
    start: async () => {
      await listen(port);
    },
  };
  return issuer;
}

/** Replaces parts of a token, as an attacker without a key can do. */
export function assembled(header: object, claims: object, signature = ''): string {
  return `${encoded(header)}.${encoded(claims)}.${signature}`;
}

export function encoded(part: object): string {
  return Buffer.from(JSON.stringify(part)).toString('base64url');
}
