/**
 * The public pages of a consent: the link, the start of a leg, the callback, and its result. They need no sign-in. Only
 * addresses and cookies contain the link, the state and the code, and the address of a result contains none of them.
 */
import { createHash } from 'node:crypto';
import { except } from 'hono/combine';
import { deleteCookie, getCookie, setCookie } from 'hono/cookie';
import { createMiddleware } from 'hono/factory';
import type { Child } from 'hono/jsx';
import { languageDetector } from 'hono/language';
import { secureHeaders } from 'hono/secure-headers';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { type ConnectSession, canStart, LEG_LIFE_MS } from '../../domain/connect/connect-session';
import { ServiceError } from '../../domain/service-error';
import { LANGUAGES } from '../../domain/text/language';
import { addressOf } from '../../http/address';
import { publicOrigin } from '../../http/public-origin';
import { isLoopback } from '../../providers/exchange/token-endpoint';
import { FailedAttempts } from '../../services/access/failed-attempts';
import {
  type Callback,
  type ConsentView,
  handleCallback,
  type ShownSession,
  startLeg,
  viewLink,
  viewResult,
} from '../../services/connect/consent-leg';
import { UNSUBSCRIBE_PATH, unsubscribedDigest } from '../../services/connect/unsubscribe';
import { isDatabaseUnavailable } from '../../store/mongo/unavailability';
import type { UiDependencies } from '../dependencies';
import type { UiApp, UiContext, UiEnv } from '../env';
import { formFields } from '../form';
import { ConsentPage, connectPage, OutcomePage, UnsubscribePage } from '../pages/connect';
import { type ConnectTexts, outcomeOf, textsOf } from '../pages/connect-texts';
import { requireSameOrigin } from '../same-origin';
import { cookieOptions } from '../signed-cookie';

const CONNECT_PATH = '/connect';
const RESULT_PATH = `${CONNECT_PATH}/result`;

/** Unknown links per address and minute, and starts per link and minute. */
const ATTEMPTS_MAX = 10;
/** Cookies of legs that a browser keeps; more would make the request headers too large. */
const COOKIES_MAX = 5;
const COOKIE_PREFIX = 'evg-connect-';
const TOKEN = /^[\w-]{43}$/;
/**
 * Lifetime of a cookie in seconds. It outlives the leg, so that a late callback differs from one in another browser.
 */
const COOKIE_LIFE_SECONDS = (2 * LEG_LIFE_MS) / 1000;

/** An external id that is the account's id means nothing to the owner. */
function shownExternalId({ externalId, accountId }: ConnectSession): string | null {
  return externalId === accountId ? null : externalId;
}

interface Message {
  title: (texts: ConnectTexts) => string;
  text: (texts: ConnectTexts) => string;
}

const UNKNOWN: Message = { title: (texts) => texts.unknown, text: (texts) => texts.unknownText };
const CLOSED: Message = { title: (texts) => texts.closed, text: (texts) => texts.closedText };
const USED: Message = { title: (texts) => texts.connected, text: (texts) => texts.used };
const TOO_MANY: Message = { title: (texts) => texts.failed, text: (texts) => texts.tooMany };
const OUTAGE: Message = { title: (texts) => texts.outage, text: (texts) => texts.outageText };
const UNAVAILABLE: Message = {
  title: (texts) => texts.unavailable,
  text: (texts) => texts.unavailableText,
};

/** The pages of callbacks that no session accepted, by the last part of their address. */
const FAILED_CALLBACKS: ReadonlyMap<string, Message> = new Map<
  Exclude<Callback['kind'], 'shown'>,
  Message
>([
  ['unknown', UNKNOWN],
  [
    'other_browser',
    { title: (texts) => texts.otherBrowser, text: (texts) => texts.failures.other_browser },
  ],
  ['late', { title: (texts) => texts.late, text: (texts) => texts.lateText }],
]);

export function registerConnect(ui: UiApp, deps: UiDependencies): void {
  const { publicUrl, now, store, connectSettings, vault, logger } = deps;
  const attempts = new FailedAttempts(ATTEMPTS_MAX);

  const readLanguage = languageDetector({
    order: ['header'],
    caches: false,
    supportedLanguages: [...LANGUAGES],
    fallbackLanguage: 'en',
  });
  ui.use(`${CONNECT_PATH}/*`, headers(deps), readLanguage, async (c, next) => {
    await next();
    if (isDatabaseUnavailable(c.error)) c.res = await message(c, 503, OUTAGE);
  });
  // Mail services send the one-click request of RFC 8058 without an origin. Its signed address is the permission.
  ui.use(`${CONNECT_PATH}/*`, except(`${UNSUBSCRIBE_PATH}/*`, requireSameOrigin(deps)));

  /** The sender of the pages of an organisation; of `null`, the process's own name and logo. */
  async function senderOf(organisation: string | null): Promise<Sender> {
    const { organisationName, logo } =
      organisation === null ? connectSettings.defaults : await connectSettings.of(organisation);
    return { name: organisationName ?? organisation, logo };
  }

  const nameOf = async ({ organisation }: ConnectSession) =>
    (await senderOf(organisation)).name ?? organisation;

  /** Shows a page of the organisation. */
  async function show(
    c: UiContext,
    { title, organisation, status = 200 }: PageInput,
    content: (texts: ConnectTexts) => Child,
  ): Promise<Response> {
    const language = LANGUAGES.find((one) => one === c.get('language')) ?? 'en';
    const texts = textsOf(language);
    const { name, logo } = await senderOf(organisation);
    const frame = { language, title: title(texts), organisation: name, logo };
    if (logo !== null) c.set('logo', logo);
    c.header('Vary', 'Accept-Language');
    return c.html(await connectPage(frame, content(texts)), status);
  }

  const message = (
    c: UiContext,
    status: ContentfulStatusCode,
    { title, text }: Message,
    session: ConnectSession | null = null,
  ) =>
    show(c, { title, organisation: session?.organisation ?? null, status }, (texts) => (
      <OutcomePage texts={texts} text={text(texts)} tone="bad" again={null} returnUrl={null} />
    ));

  const outcome = async (
    c: UiContext,
    { session, status, failure }: ShownSession,
    again: string | null,
    code: ContentfulStatusCode = 200,
  ) => {
    const { organisation } = session;
    const name = await nameOf(session);
    const returnUrl = await returnAddress(deps, session, status);
    const of = (texts: ConnectTexts) => outcomeOf(texts, { status, failure }, name);
    return show(c, { title: (texts) => of(texts).title, organisation, status: code }, (texts) => {
      const { text, tone } = of(texts);
      return <OutcomePage {...{ texts, text, tone, again, returnUrl }} />;
    });
  };

  const consentPageOf = async (
    c: UiContext,
    view: ConsentView,
    input: Pick<Parameters<typeof ConsentPage>[0], 'entered' | 'invalid'>,
    status: ContentfulStatusCode = 200,
  ) => {
    const { session, provider, failure } = view;
    const sender = await nameOf(session);
    const name = provider.adapter.discovery === true ? provider.id : provider.adapter.displayName;
    return show(
      c,
      {
        title: (texts) =>
          session.isReconnect ? texts.reconnectTitle(name) : texts.connectTitle(name),
        organisation: session.organisation,
        status,
      },
      (texts) => (
        <ConsentPage
          texts={texts}
          organisation={sender}
          provider={name}
          account={session.label ?? shownExternalId(session)}
          scopes={view.scopes}
          inputs={view.inputs}
          problem={failure === null ? null : texts.failures[failure]}
          {...input}
        />
      ),
    );
  };

  /** The session of a link, or the page that says why there is none. */
  async function viewOf(c: UiContext, token: string): Promise<ConsentView | Response> {
    const from = addressOf(c) ?? 'unknown';
    const view = TOKEN.test(token) ? await viewLink(deps, token) : null;
    if (view === null) {
      const isLimited = attempts.waitSeconds(from, now()) > 0;
      attempts.record(from, now());
      return isLimited ? message(c, 429, TOO_MANY) : message(c, 410, CLOSED);
    }
    if (canStart(view.session, now())) return view;
    if (view.status === 'expired' || view.status === 'revoked') return message(c, 410, CLOSED);
    if (view.status === 'connected') return message(c, 410, USED);
    return outcome(c, view, null, 410);
  }

  ui.get(`${CONNECT_PATH}/callback/:provider`, async (c) => {
    const parameters = new URL(c.req.url).searchParams;
    const result = await handleCallback(deps, c.req.param('provider'), parameters, (session) =>
      secretOf(c, session),
    );
    // The redirect removes the code and the state from the browser's history.
    return c.redirect(
      result.kind === 'shown' ? await afterCallback(deps, result) : `${RESULT_PATH}/${result.kind}`,
      303,
    );
  });

  ui.get(`${RESULT_PATH}/:result`, async (c) => {
    const id = c.req.param('result');
    const failed = FAILED_CALLBACKS.get(id);
    if (failed !== undefined) return message(c, 400, failed);
    const secret = secretOf(c, { id });
    const result = secret === null ? null : await viewResult(deps, id, secret);
    if (result === null) return message(c, 400, UNKNOWN);
    const { session } = result;
    const again = canStart(session, now()) ? `${CONNECT_PATH}/again/${session.id}` : null;
    return outcome(c, result, again);
  });

  ui.get(`${UNSUBSCRIBE_PATH}/:token`, async (c) => {
    const digest = unsubscribedDigest(vault, c.req.param('token'));
    if (digest === null) return unknownPage(c);
    const organisation = await store.reminders.organisationOf(digest);
    return show(c, { title: (texts) => texts.unsubscribe, organisation }, (texts) => (
      <UnsubscribePage texts={texts} />
    ));
  });

  ui.post(`${UNSUBSCRIBE_PATH}/:token`, async (c) => {
    const digest = unsubscribedDigest(vault, c.req.param('token'));
    if (digest === null || !(await store.reminders.unsubscribe(digest, now())))
      return unknownPage(c);
    const organisation = await store.reminders.organisationOf(digest);
    logger.info('an owner stopped the reminders');
    return show(c, { title: (texts) => texts.unsubscribed, organisation }, (texts) => (
      <OutcomePage
        texts={texts}
        text={texts.unsubscribedText}
        tone="good"
        again={null}
        returnUrl={null}
      />
    ));
  });

  const unknownPage = (c: UiContext) => message(c, 410, CLOSED);

  /** Opens the link again: the cookie holds it, so that no page contains it. */
  ui.get(`${CONNECT_PATH}/again/:session`, async (c) => {
    const name = cookieName({ id: c.req.param('session') });
    const token = getCookie(c, name, cookieOptions(c).prefix)?.split('.')[1];
    return token !== undefined && TOKEN.test(token)
      ? c.redirect(`${CONNECT_PATH}/${token}`, 303)
      : message(c, 400, UNKNOWN);
  });

  ui.get(`${CONNECT_PATH}/:token`, async (c) => {
    const view = await viewOf(c, c.req.param('token'));
    if (view instanceof Response) return view;
    await store.connectSessions.open(view.session.id, now());
    return consentPageOf(c, view, { entered: {}, invalid: [] });
  });

  ui.post(`${CONNECT_PATH}/:token`, async (c) => {
    const token = c.req.param('token');
    const view = await viewOf(c, token);
    if (view instanceof Response) return view;
    const { session } = view;
    if (attempts.waitSeconds(session.id, now()) > 0) return message(c, 429, TOO_MANY, session);
    attempts.record(session.id, now());
    const entered = await formFields(c);
    const start = await startLeg(deps, view, entered, publicOrigin(c, publicUrl));
    switch (start.kind) {
      case 'invalid':
        return consentPageOf(c, view, { entered, invalid: start.names }, 400);
      case 'closed':
        return message(c, 410, CLOSED, session);
      case 'unavailable':
        return message(c, 503, UNAVAILABLE, session);
      case 'started':
        forgetOldLegs(c);
        setCookie(c, cookieName(session), `${start.browserSecret}.${token}`, {
          ...cookieOptions(c),
          maxAge: COOKIE_LIFE_SECONDS,
        });
        return c.redirect(start.url.href, 303);
    }
  });

  ui.all(`${CONNECT_PATH}/*`, () => {
    throw new ServiceError('not_found', 'No page exists at this address.');
  });
}

/** The address of the result: at the application if it is done, otherwise here. */
async function afterCallback(
  deps: Pick<UiDependencies, 'connectSettings'>,
  { session, status }: ShownSession,
): Promise<string> {
  const isDone = status === 'connected' || status === 'awaiting_finish';
  const returnUrl = isDone ? await returnAddress(deps, session, status) : null;
  return returnUrl ?? `${RESULT_PATH}/${session.id}`;
}

/** The secret of the browser that started the present leg of the session. */
function secretOf(c: UiContext, session: Pick<ConnectSession, 'id'>): string | null {
  const cookie = getCookie(c, cookieName(session), cookieOptions(c).prefix);
  return cookie?.split('.')[0] ?? null;
}

interface Sender {
  name: string | null;
  logo: URL | null;
}

interface PageInput {
  title: (texts: ConnectTexts) => string;
  /** `null`: the page must not name an organisation. */
  organisation: string | null;
  status?: ContentfulStatusCode;
}

/**
 * `form-action` allows every https address: browsers check it for each redirect after the form too, and providers
 * redirect to sign-in hosts that cannot be listed.
 */
function headers({ publicUrl }: Pick<UiDependencies, 'publicUrl'>) {
  return createMiddleware<UiEnv>(async (c, next) => {
    await next();
    // Only the page that shows a logo allows its host.
    const shown = c.get('logo');
    const logo = shown === undefined ? [] : [shown.origin];
    // The demo provider has no https.
    const isLocal = isLoopback(publicUrl ?? new URL(c.req.url));
    const onThisMachine = isLocal ? ['http://127.0.0.1:*', 'http://localhost:*'] : [];
    const protect = secureHeaders({
      contentSecurityPolicy: {
        defaultSrc: ["'none'"],
        styleSrc: ["'self'"],
        imgSrc: ["'self'", 'data:', ...logo],
        formAction: ["'self'", 'https:', ...onThisMachine],
        frameAncestors: ["'none'"],
        baseUri: ["'none'"],
      },
      referrerPolicy: 'no-referrer',
    });
    await protect(c, () => Promise.resolve());
    c.header('Cache-Control', 'no-store');
  });
}

/** Named after the session, so that legs in several tabs do not overwrite each other's cookie. */
function cookieName({ id }: Pick<ConnectSession, 'id'>): string {
  const short = createHash('sha256').update(id).digest('hex').slice(0, 12);
  return `${COOKIE_PREFIX}${short}`;
}

function forgetOldLegs(c: UiContext): void {
  const { prefix } = cookieOptions(c);
  const start = `${prefix === 'host' ? '__Host-' : ''}${COOKIE_PREFIX}`;
  const names = Object.keys(getCookie(c)).filter((name) => name.startsWith(start));
  // Browsers send the oldest cookies first (RFC 6265 §5.4).
  for (const name of names.slice(0, Math.max(0, names.length - COOKIES_MAX + 1)))
    deleteCookie(c, name.slice(start.length - COOKIE_PREFIX.length), cookieOptions(c));
}

/**
 * The address to which the browser returns, with the id and the status of the session. An address that the organisation
 * has removed since counts as none.
 */
async function returnAddress(
  { connectSettings }: Pick<UiDependencies, 'connectSettings'>,
  { returnUrl, id, organisation }: ConnectSession,
  status: ShownSession['status'],
): Promise<string | null> {
  if (returnUrl === null || !(await connectSettings.allows(organisation, returnUrl))) return null;
  const address = new URL(returnUrl);
  address.searchParams.set('connect_session', id);
  address.searchParams.set('status', status);
  return address.href;
}
