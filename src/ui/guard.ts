/** Access control of the pages: which sessions may view them, and which may act. */
import { createMiddleware } from 'hono/factory';
import { ServiceError } from '../domain/service-error';
import { isDatabaseUnavailable } from '../store/mongo/unavailability';
import type { UiDependencies } from './dependencies';
import type { Session, UiContext, UiEnv } from './env';
import { pathOf } from './local-path';
import { mayAct, mayOperate, mayRead } from './permissions';

/** Sets the session, or redirects to the sign-in page and back. If MongoDB is unreachable, responds with 503. */
export function requireSession({ sessions }: Pick<UiDependencies, 'sessions'>) {
  return createMiddleware<UiEnv>(async (c, next) => {
    const session = await sessions.read(c);
    if (session === null) return toSignIn(c, await sessions.mayRenew(c));
    c.set('session', session);
    return next();
  });
}

/** Sets the session, if there is one, for pages that are public. */
export function knowSession({ sessions }: Pick<UiDependencies, 'sessions'>) {
  return createMiddleware<UiEnv>(async (c, next) => {
    const session = await sessions.read(c).catch((error: unknown) => {
      if (isDatabaseUnavailable(error)) return null;
      throw error;
    });
    if (session !== null) c.set('session', session);
    return next();
  });
}

/** Pages without data of an organisation. All other pages under /admin show an organisation's accounts. */
const SHARED_PAGES =
  /^\/admin(?:$|\/(?:overview|workers|workflows|encryption|settings|search)(?:\/|$))/;

/** Paths whose unsafe methods concern all organisations. */
const OPERATORS_PATHS = /^\/admin\/(?:workers|encryption)\//;

/** Runs before every page: pages with accounts require a session with the scope `read`. */
export const requireReader = createMiddleware<UiEnv>(async (c, next) => {
  if (!SHARED_PAGES.test(c.req.path) && !mayRead(c.get('session'))) {
    throw new ServiceError(
      'forbidden',
      'This page shows the accounts of an organisation, but your key lacks the scope "read". Sign in with a key that has it.',
    );
  }
  await next();
});

/**
 * Runs before every unsafe method under /admin. The pages of workers and encryption require `operator`. A workflow's page accepts `admin`
 * or `operator` here; its handler requires the scope for the kind of workflow.
 */
export const requireActor = createMiddleware<UiEnv>(async (c, next) => {
  const { path } = c.req;
  const session = c.get('session');
  const isOperators = OPERATORS_PATHS.test(path);
  const isAllowed = isOperators
    ? mayOperate(session)
    : mayAct(session) || (path.startsWith('/admin/workflows/') && mayOperate(session));
  if (!isAllowed) {
    throw new ServiceError('forbidden', isOperators ? NEEDS_OPERATOR : NEEDS_ADMIN);
  }
  await next();
});

const NEEDS_ADMIN =
  'Nothing was changed: your key lacks the scope "admin". Sign in with a key that has it.';

export const NEEDS_OPERATOR =
  'Schedules and encryption keys serve all organisations, so only a key with the scope "operator" can change them. An operator can grant it.';

/** @throws {ServiceError} if the session may not see what only admins see */
export function demandAdmin(session: Session): void {
  if (!mayAct(session))
    throw new ServiceError(
      'forbidden',
      'Only a key with the scope "admin" may see this page. Sign in with a key that has it.',
    );
}

/** @throws {ServiceError} if the session may not see what concerns all organisations */
export function demandOperator(session: Session): void {
  if (!mayOperate(session))
    throw new ServiceError(
      'forbidden',
      'This page concerns all organisations, so only a key with the scope "operator" may see it. An operator can grant it.',
    );
}

/** Whether htmx requests a fragment of a page. */
export function isFragment(c: UiContext): boolean {
  return c.req.header('hx-request') === 'true';
}

/**
 * @param mayRenew renew at the OpenID provider without asking the person. Never for a form: the content security policy
 * (`form-action`) blocks its redirect to the provider.
 */
function toSignIn(c: UiContext, mayRenew: boolean): Response {
  const page = isFragment(c)
    ? pathOf(c.req.header('hx-current-url'))
    : c.req.method === 'GET'
      ? pathOf(c.req.url)
      : undefined;
  const next = page === undefined ? '' : `?next=${encodeURIComponent(page)}`;
  const to = mayRenew && page !== undefined ? `/sign-in/oidc${next}&renew=1` : `/sign-in${next}`;
  // The browser would follow a redirect, and htmx would put the sign-in page inside the current page.
  if (isFragment(c)) return c.body('', 401, { 'HX-Redirect': to });
  return c.redirect(to, 303);
}
