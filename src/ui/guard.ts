/** Who may see a page, and who may act on it. */
import { createMiddleware } from 'hono/factory';
import { ApiError } from '../api/errors';
import type { UiContext, UiDependencies, UiEnv } from './dependencies';
import { pathOf } from './local-path';
import type { Session } from './sessions';

/** Sets the session, or sends to the sign-in page and from there back. */
export function requireSession({ sessions }: Pick<UiDependencies, 'sessions'>) {
  return createMiddleware<UiEnv>(async (c, next) => {
    const session = await sessions.read(c);
    if (session === null) return toSignIn(c);
    c.set('session', session);
    return next();
  });
}

/** For a page that is open to all: it shows who is signed in, where somebody is. */
export function knowSession({ sessions }: Pick<UiDependencies, 'sessions'>) {
  return createMiddleware<UiEnv>(async (c, next) => {
    const session = await sessions.read(c);
    if (session !== null) c.set('session', session);
    return next();
  });
}

/** Goes before whatever changes something: every unsafe method under /admin. */
export const requireAdmin = createMiddleware<UiEnv>(async (c, next) => {
  if (!mayAct(c.get('session'))) {
    throw new ApiError(
      'forbidden',
      'You are signed in with a key that may look, not act: it lacks the scope "admin".',
    );
  }
  await next();
});

/** Whether to show what changes something. */
export function mayAct({ scopes }: Session): boolean {
  return scopes.includes('admin');
}

/** Whether htmx asks, for a part of a page. */
export function isFragment(c: UiContext): boolean {
  return c.req.header('hx-request') === 'true';
}

function toSignIn(c: UiContext): Response {
  const page = isFragment(c)
    ? pathOf(c.req.header('hx-current-url'))
    : c.req.method === 'GET'
      ? pathOf(c.req.url)
      : undefined;
  const to = page === undefined ? '/sign-in' : `/sign-in?next=${encodeURIComponent(page)}`;
  // A redirect would be followed unseen, and the sign-in page would end up within the page.
  if (isFragment(c)) return c.body('', 401, { 'HX-Redirect': to });
  return c.redirect(to, 303);
}
