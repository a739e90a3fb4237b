/** Signing in with an OpenID provider: away to it, and back. */
import { z } from 'zod';
import { hasScope } from '../../api/authenticate';
import { ApiError } from '../../api/errors';
import type { UiApp, UiContext, UiDependencies } from '../dependencies';
import { showPage } from '../layout';
import { localPath } from '../local-path';
import { OpenIdProvider } from '../openid-provider';
import { SignIn } from '../pages/sign-in';
import { forgetCookie, isHttps, readJsonCookie, setJsonCookie } from '../signed-cookie';
import { signedIn } from './sign-in';

const PATH = '/sign-in/oidc';
const CALLBACK = `${PATH}/callback`;
const COOKIE = 'evergrant_oidc';
const BACK_WITHIN_MS = 10 * 60_000;

const Pending = z.strictObject({
  state: z.string(),
  nonce: z.string(),
  code_verifier: z.string(),
  next: z.string(),
});

export function registerSignInOidc(ui: UiApp, deps: UiDependencies): void {
  const { oidc, sessions, audit, vault, logger, now } = deps;
  if (oidc === null) return;
  const provider = new OpenIdProvider(oidc);

  const callbackUrl = (c: UiContext): URL => {
    const asked = new URL(c.req.url);
    if (isHttps(c)) asked.protocol = 'https:';
    return new URL(CALLBACK, oidc.publicUrl ?? asked.origin);
  };

  /** The sign-in page with the reason, for what a person can do something about. */
  const orRefused = async (c: UiContext, next: string, signIn: () => Promise<Response>) => {
    try {
      return await signIn();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      logger.warn({ reason: error.message }, 'sign-in refused');
      return showPage(
        c,
        { title: 'Sign in', status: error.code === 'forbidden' ? 403 : 401, narrow: true },
        <SignIn next={next} problem={error.message} oidc />,
      );
    }
  };

  ui.get(PATH, async (c) => {
    const next = localPath(c.req.query('next'));
    return orRefused(c, next, async () => {
      const { url, pending } = await provider.begin(callbackUrl(c).href);
      const expires = new Date(now().getTime() + BACK_WITHIN_MS);
      await setJsonCookie(c, vault, COOKIE, { ...pending, next }, expires);
      return c.redirect(url.href, 302);
    });
  });

  ui.get(CALLBACK, async (c) => {
    const pending = await readJsonCookie(c, vault, COOKIE, Pending);
    forgetCookie(c, COOKIE);
    const next = localPath(pending?.next);
    return orRefused(c, next, async () => {
      if (pending === null) {
        throw new ApiError(
          'unauthenticated',
          'This sign-in was not begun in this browser, or too long ago. Try again.',
        );
      }
      const callback = callbackUrl(c);
      callback.search = new URL(c.req.url).search;
      const principal = await provider.finish(callback, pending);
      if (!hasScope(principal, 'read')) {
        throw new ApiError(
          'forbidden',
          'The OpenID provider signed you in, but lets you neither look (read) nor act (admin) here.',
        );
      }
      await audit.append(signedIn(principal, { by: 'oidc' }));
      await sessions.start(c, principal, { by: 'claims', until: null });
      logger.info({ organisation: principal.organisation, key_id: principal.keyId }, 'signed in');
      return c.redirect(next, 303);
    });
  });
}
