/** Signs the assertion of the JWT bearer grant. Each request has its own, so a request may always be repeated. */
import { randomUUID } from 'node:crypto';
import { SignJWT } from 'jose';
import { importable } from './client-authentication';
import { ASSERTION_LIFE_MAX_SECONDS } from './credentials-rules';
import type { GrantCredentials } from './grant-credentials';

/**
 * @param lifeSeconds capped, because a stolen assertion gives tokens until it expires
 * @throws if the key cannot sign
 * @see [RFC 7523 §3](https://www.rfc-editor.org/rfc/rfc7523#section-3)
 */
export async function signAssertion(
  { private_key = '', key_id, claims }: GrantCredentials,
  {
    issuer,
    subject,
    audience,
    scope,
    lifeSeconds = ASSERTION_LIFE_MAX_SECONDS,
    now,
  }: {
    issuer: string;
    /** Absent: no claim. */
    subject: string | undefined;
    audience: string;
    /** Empty: no claim. */
    scope: string;
    lifeSeconds: number | undefined;
    now: Date;
  },
): Promise<string> {
  const { key, algorithm } = signingKey(private_key);
  const at = Math.floor(now.getTime() / 1000);
  const life = Math.min(lifeSeconds, ASSERTION_LIFE_MAX_SECONDS);
  return new SignJWT({
    ...claims,
    ...(subject === undefined ? {} : { sub: subject }),
    ...(scope === '' ? {} : { scope }),
  })
    .setProtectedHeader({
      alg: algorithm,
      typ: 'JWT',
      ...(key_id === undefined ? {} : { kid: key_id }),
    })
    .setIssuer(issuer)
    .setAudience(audience)
    .setIssuedAt(at)
    .setExpirationTime(at + life)
    .setJti(randomUUID())
    .sign(key);
}

/** Returns the problem of a key that is to sign assertions, or `null`. The text does not contain the key. */
export function signingKeyProblem(privateKey: string): string | null {
  try {
    signingKey(privateKey);
    return null;
  } catch {
    return 'must be an unencrypted private key in PEM or JWK format: RSA (2048 bits or more) or P-256';
  }
}

function signingKey(privateKey: string) {
  const { key, algorithm } = importable(privateKey);
  const { name } = typeof algorithm === 'string' ? { name: algorithm } : algorithm;
  if (name === 'RSASSA-PKCS1-v1_5') return { key, algorithm: 'RS256' };
  if (key.asymmetricKeyDetails?.namedCurve === 'prime256v1') return { key, algorithm: 'ES256' };
  throw new TypeError('unsupported kind of private key');
}
