/** Cookies that a browser keeps for us and cannot change: JSON, signed with a key of the vault. */
import { deleteCookie, getSignedCookie, setSignedCookie } from 'hono/cookie';
import type { CookieOptions } from 'hono/utils/cookie';
import type { z } from 'zod';
import type { Vault } from '../vault/vault';
import type { UiContext } from './dependencies';

type Keys = Pick<Vault, 'sessionKeys'>;

/** @param content anyone at that browser can read it */
export async function setJsonCookie(
  c: UiContext,
  vault: Keys,
  name: string,
  content: unknown,
  expires: Date,
): Promise<void> {
  const [key] = vault.sessionKeys();
  if (key === undefined) throw new TypeError('there is no key to sign with');
  const value = Buffer.from(JSON.stringify(content)).toString('base64url');
  await setSignedCookie(c, name, value, key, { ...cookieOptions(c), expires });
}

/** The content, or `null`: no such cookie, not signed by us, or of another shape. */
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
 * Lax, not Strict: a link to an entry that came by mail must open for who is signed in, and so must the way back from
 * an OpenID provider. What changes anything is a POST, which Lax withholds from other sites as Strict does.
 */
function cookieOptions(c: UiContext): CookieOptions {
  const secure = isHttps(c);
  return {
    path: '/',
    httpOnly: true,
    sameSite: 'Lax',
    secure,
    ...(secure ? { prefix: 'host' } : {}),
  };
}

/** Whether the browser's side of the connection is https, here or at the proxy in front. */
export function isHttps(c: UiContext): boolean {
  return c.req.url.startsWith('https:') || c.req.header('x-forwarded-proto') === 'https';
}
