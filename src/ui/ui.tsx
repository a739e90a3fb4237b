/** The pages: shared protection in one place, then one registration per page. */
import { Hono } from 'hono';
import { except } from 'hono/combine';
import { compress } from 'hono/compress';
import { createMiddleware } from 'hono/factory';
import { secureHeaders } from 'hono/secure-headers';
import { ServiceError } from '../domain/service-error';
import { visible } from '../domain/text/visible-text';
import { operatorsPages } from '../http/audit-chain';
import { audited } from '../http/audited';
import type { ApiEnv } from '../http/env';
import { requireStorable } from '../http/odd-text';
import { registerAssets } from './assets';
import type { UiDependencies } from './dependencies';
import { takeDone } from './done';
import type { UiApp, UiEnv } from './env';
import { showError } from './errors';
import { FIELD_NAMES } from './form-fields';
import { isFragment, knowSession, requireActor, requireReader, requireSession } from './guard';
import { HOME } from './local-path';
import { registerAccount } from './routes/account';
import { registerAccountForms } from './routes/account-form';
import { registerAccounts } from './routes/accounts';
import { registerApiKeys } from './routes/api-keys';
import { registerAudit } from './routes/audit';
import { registerConnect } from './routes/connect';
import { registerConnectSettings } from './routes/connect-settings';
import { registerDeliveries } from './routes/deliveries';
import { registerDocs } from './routes/docs';
import { registerEncryption } from './routes/encryption';
import { registerEvents } from './routes/events';
import { limitImport, registerImport } from './routes/import';
import { registerOverview } from './routes/overview';
import { registerPreferences } from './routes/preferences';
import { registerProviders } from './routes/providers';
import { registerQuarantine } from './routes/quarantine';
import { registerRefreshDebug } from './routes/refresh-debug';
import { registerSearch } from './routes/search';
import { registerSettings } from './routes/settings';
import { registerSignIn } from './routes/sign-in';
import { BACK_CHANNEL_LOGOUT, registerSignInOidc } from './routes/sign-in-oidc';
import { registerSignOut } from './routes/sign-out';
import { registerTerminal } from './routes/terminal';
import { registerTokenAccesses } from './routes/token-accesses';
import { registerWebhooks } from './routes/webhooks';
import { registerWorkers } from './routes/workers';
import { registerWorkflows } from './routes/workflows';
import { requireSameOrigin } from './same-origin';
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
  // Not `no-referrer`: with it, browsers send `Origin: null` for our own forms, as if they came from another site.
  referrerPolicy: 'same-origin',
});

/** Prevents caching, so that the browser's back button shows no pages after a sign-out. */
const uncached = createMiddleware<UiEnv>(async (c, next) => {
  await next();
  c.header('Cache-Control', 'no-store');
});

/** Refuses filters with text that MongoDB cannot store: they would fail inside its driver. */
const refuseOddQueries = createMiddleware<UiEnv>(async (c, next) => {
  for (const [name, values] of Object.entries(c.req.queries()))
    for (const value of values) requireStorable(value, visible(name));
  await next();
});

/** Reads the report of the action before, for whole pages only. */
const readDone = ({ vault }: Pick<UiDependencies, 'vault'>) =>
  createMiddleware<UiEnv>(async (c, next) => {
    const isPage = c.req.method === 'GET' && !/\/(?:stream|export)$/.test(c.req.path);
    c.set('done', isPage && !isFragment(c) ? await takeDone(c, vault) : null);
    await next();
  });

/** Mounts all pages on an app. Their errors are also shown as pages. */
export function mountUi(app: Hono<ApiEnv>, given: Omit<UiDependencies, 'sessions'>): void {
  const deps: UiDependencies = { ...given, sessions: new Sessions(given) };
  const ui: UiApp = new Hono<UiEnv>();
  ui.onError((error, c) => showError(error, c, deps.logger));
  for (const section of ['sign-in', 'sign-out', 'preferences', 'theme', 'admin', 'docs'])
    ui.use(
      `/${section}/*`,
      headers,
      uncached,
      except(BACK_CHANNEL_LOGOUT, requireSameOrigin(deps)),
    );
  // Before anything that may read the body.
  limitImport(ui);
  // `compress` skips event streams. Pages hold no secret, so their compressed size reveals none (BREACH).
  for (const path of ['/admin/*', '/docs/*', '/assets/*']) ui.use(path, compress());
  ui.use('/admin/*', refuseOddQueries);
  ui.use('/docs/*', knowSession(deps));
  ui.use('/admin/*', requireSession(deps));
  ui.use('/admin/*', readDone(deps));
  ui.use('/admin/*', requireReader);
  ui.on(['POST', 'PUT', 'PATCH', 'DELETE'], '/admin/*', requireActor);
  ui.use(
    '/admin/*',
    audited<UiEnv>(
      deps,
      (c) => c.get('session'),
      () => FIELD_NAMES,
      operatorsPages,
    ),
  );

  registerAssets(ui);
  registerSignIn(ui, deps);
  registerSignInOidc(ui, deps);
  registerSignOut(ui, deps);
  registerConnect(ui, deps);
  registerConnectSettings(ui, deps);
  registerPreferences(ui);
  registerOverview(ui, deps);
  registerWorkers(ui, deps);
  registerAccounts(ui, deps);
  registerAccountForms(ui, deps);
  registerImport(ui, deps);
  registerAccount(ui, deps);
  registerQuarantine(ui, deps);
  registerRefreshDebug(ui, deps);
  registerTerminal(ui, deps);
  registerWorkflows(ui, deps);
  registerEvents(ui, deps);
  registerWebhooks(ui, deps);
  registerDeliveries(ui, deps);
  registerTokenAccesses(ui, deps);
  registerAudit(ui, deps);
  registerEncryption(ui, deps);
  registerProviders(ui, deps);
  registerSettings(ui, deps);
  registerSearch(ui, deps);
  registerApiKeys(ui, deps);
  registerDocs(ui, deps);

  ui.get('/', (c) => c.redirect(HOME, 302));
  ui.get('/admin', (c) => c.redirect(HOME, 302));
  ui.all('/admin/*', (c) => {
    throw new ServiceError('not_found', `No page exists at ${c.req.path}.`);
  });
  app.route('/', ui);
}
