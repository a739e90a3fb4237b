/** Sign-in with an OpenID provider: the redirect there, the callback, and the back-channel logout. */
import { z } from 'zod';
import { ServiceError } from '../../domain/service-error';
import { addressOf, originOf } from '../../http/address';
import { STATUS } from '../../http/errors';
import { FailedAttempts } from '../../services/access/failed-attempts';
import type { UiDependencies } from '../dependencies';
import type { UiApp, UiContext } from '../env';
import { formFields } from '../form';
import { showPage } from '../layout';
import { localPath } from '../local-path';
import { OpenIdProvider } from '../openid-provider';
import { SignIn } from '../pages/sign-in';
import { opensPages } from '../permissions';
import { forgetCookie, readJsonCookie, setJsonCookie } from '../signed-cookie';

const PATH = '/sign-in/oidc';
const CALLBACK = `${PATH}/callback`;
const COOKIE = 'evergrant_oidc';
/** How long, in ms, a person may take to sign in at the provider. Later returns are refused. */
const BACK_WITHIN_MS = 10 * 60_000;
/** The provider's server posts here, without a session cookie and from another origin. */
export const BACK_CHANNEL_LOGOUT = `${PATH}/back-channel-logout`;
const LOGOUT_TOKEN_MAX_CHARACTERS = 8 * 1024;
/** Refused logout tokens per minute and address. Further refusals get 429; a valid token is always accepted. */
const FAILURES_MAX = 30;

const Pending = z.strictObject({
  state: z.string(),
  nonce: z.string(),
  code_verifier: z.string(),
  next: z.string(),
  /** Whether this renews an expired session at the provider, without asking the person. */
  renew: z.boolean(),
});

export function registerSignInOidc(ui: UiApp, deps: UiDependencies): void {
  const { oidc, publicUrl, sessions, vault, logger, now } = deps;
  if (oidc === null) return;
  const provider = new OpenIdProvider(oidc, logger);
  const failed = new FailedAttempts(FAILURES_MAX);

  const callbackUrl = (c: UiContext) => new URL(CALLBACK, publicUrl ?? originOf(c));

  /** Shows errors that a person can act on, on the sign-in page. */
  const orRefused = async (c: UiContext, next: string, signIn: () => Promise<Response>) => {
    try {
      return await signIn();
    } catch (error) {
      if (!(error instanceof ServiceError)) throw error;
      logger.warn({ reason: error.message }, 'sign-in refused');
      return showPage(
        c,
        { title: 'Sign in', status: STATUS[error.code], narrow: true },
        <SignIn next={next} problem={error.message} oidc />,
      );
    }
  };

  ui.get(PATH, async (c) => {
    const next = localPath(c.req.query('next'));
    const renew = c.req.query('renew') === '1';
    // Another page of this browser may have renewed the session already.
    if (renew && (await sessions.read(c)) !== null) return c.redirect(next, 303);
    return orRefused(c, next, async () => {
      const { url, pending } = await provider.begin(callbackUrl(c).href, { silently: renew });
      const expires = new Date(now().getTime() + BACK_WITHIN_MS);
      await setJsonCookie(c, vault, COOKIE, { ...pending, next, renew }, expires);
      return c.redirect(url.href, 302);
    });
  });

  ui.get(CALLBACK, async (c) => {
    const pending = await readJsonCookie(c, vault, COOKIE, Pending);
    forgetCookie(c, COOKIE);
    const next = localPath(pending?.next);
    return orRefused(c, next, async () => {
      if (pending === null) {
        throw new ServiceError(
          'unauthenticated',
          'This sign-in was not started in this browser, or was started more than 10 minutes ago. Sign in again.',
        );
      }
      const { error, state } = c.req.query();
      if (pending.renew && error !== undefined && state === pending.state) {
        // The person is no longer signed in at the provider, or must be asked, so the session ends.
        if (await sessions.mayRenew(c)) await sessions.end(c);
        return c.redirect(`/sign-in?next=${encodeURIComponent(next)}`, 303);
      }
      const callback = callbackUrl(c);
      callback.search = new URL(c.req.url).search;
      const { principal, proof } = await provider.finish(callback, pending);
      if (!opensPages(principal)) {
        throw new ServiceError(
          'forbidden',
          'The OpenID provider signed you in, but grants you none of the scopes read, admin and operator. Ask its administrator for one of them.',
        );
      }
      await sessions.start(c, principal, proof);
      logger.info({ organisation: principal.organisation, key_id: principal.keyId }, 'signed in');
      return c.redirect(next, 303);
    });
  });

  ui.post(BACK_CHANNEL_LOGOUT, async (c) => {
    const address = addressOf(c) ?? 'unknown';
    try {
      const { logout_token: token = '' } = await formFields(c);
      if (token === '' || token.length > LOGOUT_TOKEN_MAX_CHARACTERS)
        throw new ServiceError('invalid_request', 'Send a form with logout_token, at most 8 kB.');
      const ended = await sessions.endOfProvider(await provider.readLogoutToken(token, now()));
      logger.info({ ended }, 'the OpenID provider signed a person out');
      return c.body(null, 200);
    } catch (error) {
      // Errors that are not the token's fault get a 5xx status, so that the provider may send the token again.
      if (!(error instanceof ServiceError) || STATUS[error.code] >= 500) throw error;
      failed.record(address, now());
      logger.warn({ address, reason: error.message }, 'logout token refused');
      const waitSeconds = failed.waitSeconds(address, now());
      if (waitSeconds > 0) c.header('Retry-After', String(waitSeconds));
      const body = { error: 'invalid_request', error_description: error.message };
      return c.json(body, waitSeconds > 0 ? 429 : 400);
    }
  });
}
