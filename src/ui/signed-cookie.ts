/** Cookies that a browser cannot alter: JSON, signed with a key of the vault. */
import { deleteCookie, getSignedCookie, setSignedCookie } from 'hono/cookie';
import type { CookieOptions } from 'hono/utils/cookie';
import type { z } from 'zod';
import { originOf } from '../http/address';
import type { Vault } from '../vault/vault';
import type { UiContext } from './env';

type Keys = Pick<Vault, 'sessionKeys'>;

/** @param content readable by anyone with access to that browser */
export async function setJsonCookie(
  c: UiContext,
  vault: Keys,
  name: string,
  content: unknown,
  expires: Date,
): Promise<void> {
  const [key] = vault.sessionKeys();
  if (key === undefined) throw new TypeError('the vault has no key to sign with');
  const value = Buffer.from(JSON.stringify(content)).toString('base64url');
  await setSignedCookie(c, name, value, key, { ...cookieOptions(c), expires });
}

/** The content; `null` if the cookie is absent, has no valid signature, or has another shape. */
export async function readJsonCookie<T>(
  c: UiContext,
  vault: Keys,
  name: string,
  shape: z.ZodType<T>,
): Promise<T | null> {
  for (const key of vault.sessionKeys()) {
    // oxlint-disable-next-line no-await-in-loop -- the first key signs, so the first mostly verifies
    const value = await getSignedCookie(c, key, name, cookieOptions(c).prefix);
    if (typeof value === 'string') {
      const content: unknown = JSON.parse(Buffer.from(value, 'base64url').toString('utf8'));
      return shape.safeParse(content).data ?? null;
    }
  }
  return null;
}

export function forgetCookie(c: UiContext, name: string): void {
  deleteCookie(c, name, cookieOptions(c));
}

/**
 * Lax, not Strict: a link from an e-mail must open for a person who is signed in, and so must the redirect from an
 * OpenID provider. Every change is a POST, for which Lax withholds the cookie from other sites as Strict does.
 */
export function cookieOptions(c: UiContext): CookieOptions {
  const secure = isHttps(c);
  return {
    path: '/',
    httpOnly: true,
    sameSite: 'Lax',
    secure,
    ...(secure ? { prefix: 'host' } : {}),
  };
}

/** Whether the browser uses https, with this process or with a trusted proxy. */
export function isHttps(c: UiContext): boolean {
  return originOf(c).startsWith('https:');
}
