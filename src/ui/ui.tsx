/** The pages: what protects all of them in one place, then one registration for each. */
import { Hono } from 'hono';
import { compress } from 'hono/compress';
import { csrf } from 'hono/csrf';
import { createMiddleware } from 'hono/factory';
import { secureHeaders } from 'hono/secure-headers';
import { audited } from '../api/audited';
import type { ApiEnv } from '../api/dependencies';
import { ApiError } from '../api/errors';
import { registerAssets } from './assets';
import type { UiApp, UiDependencies, UiEnv } from './dependencies';
import { showError } from './errors';
import { knowSession, requireAdmin, requireSession } from './guard';
import { HOME } from './local-path';
import { registerAccount } from './routes/account';
import { registerAccounts } from './routes/accounts';
import { registerDocs } from './routes/docs';
import { registerRefreshDebug } from './routes/refresh-debug';
import { registerSignIn } from './routes/sign-in';
import { registerSignInOidc } from './routes/sign-in-oidc';
import { registerSignOut } from './routes/sign-out';
import { registerTerminal } from './routes/terminal';
import { registerTheme } from './routes/theme';
import { registerWorkers } from './routes/workers';
import { registerWorkflows } from './routes/workflows';
import { Sessions } from './sessions';

const SELF = ["'self'"];
const NONE = ["'none'"];

const headers = secureHeaders({
  contentSecurityPolicy: {
    defaultSrc: NONE,
    scriptSrc: SELF,
    styleSrc: SELF,
    imgSrc: ["'self'", 'data:'],
    connectSrc: SELF,
    formAction: SELF,
    frameAncestors: NONE,
    baseUri: NONE,
  },
  // Not `no-referrer`: with it a browser calls the origin of our own forms "null", as if they were foreign.
  referrerPolicy: 'same-origin',
});

/** What depends on who is asking is in no cache, and so nobody sees it by going back after a sign-out. */
const uncached = createMiddleware<UiEnv>(async (c, next) => {
  await next();
  c.header('Cache-Control', 'no-store');
});

/** Adds all pages to an app; their failures are pages, too. */
export function mountUi(app: Hono<ApiEnv>, given: Omit<UiDependencies, 'sessions'>): void {
  const deps: UiDependencies = { ...given, sessions: new Sessions(given) };
  const ui: UiApp = new Hono<UiEnv>();
  ui.onError((error, c) => showError(error, c, deps.logger));
  for (const section of ['sign-in', 'sign-out', 'theme', 'admin', 'docs'])
    ui.use(`/${section}/*`, headers, uncached, csrf());
  // Streams of events excepted, as compress itself sees to. There is no secret in a page for its length to tell.
  for (const path of ['/admin/*', '/docs/*', '/assets/*']) ui.use(path, compress());
  ui.use('/docs/*', knowSession(deps));
  ui.use('/admin/*', requireSession(deps));
  ui.on(['POST', 'PUT', 'PATCH', 'DELETE'], '/admin/*', requireAdmin);
  ui.use(
    '/admin/*',
    audited<UiEnv>(deps, (c) => c.get('session')),
  );

  registerAssets(ui);
  registerSignIn(ui, deps);
  registerSignInOidc(ui, deps);
  registerSignOut(ui, deps);
  registerTheme(ui);
  registerWorkers(ui, deps);
  registerAccounts(ui, deps);
  registerAccount(ui, deps);
  registerRefreshDebug(ui, deps);
  registerTerminal(ui, deps);
  registerWorkflows(ui, deps);
  registerDocs(ui, deps);

  ui.get('/', (c) => c.redirect(HOME, 302));
  ui.get('/admin', (c) => c.redirect(HOME, 302));
  ui.all('/admin/*', (c) => {
    throw new ApiError('not_found', `There is no ${c.req.path} here.`);
  });
  app.route('/', ui);
}
