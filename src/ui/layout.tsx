/** The frame of every page: head, navigation, signed-in person, theme. */
import { html } from 'hono/html';
import type { Child } from 'hono/jsx';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { SCRIPT, STYLE } from './assets';
import type { Session, UiContext } from './env';
import { markup } from './markup';
import { NAVIGATION, type Section } from './navigation';
import { Badge } from './parts/badge';
import { mayAct, mayOperate, mayRead } from './permissions';
import { THEMES, type Theme, themeOf } from './theme';

export interface PageOptions {
  title: string;
  /** The navigation entry that the page belongs to. */
  section?: Section;
  status?: ContentfulStatusCode;
  /** Whether the page has a live fragment and shows the state of its connection. */
  live?: boolean;
  /** Lays the page out as a narrow column, for forms. */
  narrow?: boolean;
}

/** Responds with a page. Signed-in persons also get the navigation. */
export async function showPage(
  c: UiContext,
  { title, section, status = 200, live = false, narrow = false }: PageOptions,
  content: Child,
): Promise<Response> {
  const session: Session | undefined = c.get('session');
  const theme = themeOf(c);
  const page = (
    <html lang="en" {...(theme === 'system' ? {} : { 'data-theme': theme })}>
      <Head title={title} />
      <body>
        <a class="skip" href="#main">
          Skip to the content
        </a>
        <Header session={session} section={section} />
        <main id="main" tabindex={-1} {...(narrow ? { class: 'narrow' } : {})}>
          <div class="title">
            <h1>{title}</h1>
            {live && <LiveState />}
          </div>
          <div id="notices" aria-live="polite" />
          {content}
        </main>
        <footer>
          <ThemeChoice theme={theme} />
        </footer>
      </body>
    </html>
  );
  return c.html(await markup(html`<!doctype html>${page}`), status);
}

function Head({ title }: { title: string }) {
  return (
    <head>
      <meta charset="utf-8" />
      <meta name="viewport" content="width=device-width, initial-scale=1" />
      {/* The strict content security policy forbids styles and scripts that are not our own files. `morphIgnore`
          keeps unfolded elements open when a live fragment is replaced. */}
      <meta
        name="htmx-config"
        content='{"includeIndicatorCSS": false, "history": "reload", "morphIgnore": ["data-htmx-powered", "open"]}'
      />
      <title>{`${title} · Evergrant`}</title>
      <link rel="icon" href="data:," />
      <link rel="stylesheet" href={STYLE.url} />
      <script defer src={SCRIPT.url} />
    </head>
  );
}

interface HeaderProps {
  session: Session | undefined;
  section: Section | undefined;
}

function Header({ session, section }: HeaderProps) {
  return (
    <header class="top">
      <a class="brand" href="/">
        <span class="mark" aria-hidden="true" />
        Evergrant
      </a>
      {session !== undefined && (
        <nav aria-label="Pages">
          {NAVIGATION.filter(({ ofAccounts }) => !ofAccounts || mayRead(session)).map(
            ({ path, title }) => (
              <a href={path} {...(path === section ? { 'aria-current': 'page' } : {})}>
                {title}
              </a>
            ),
          )}
        </nav>
      )}
      {session !== undefined && (
        <div class="who">
          <span class="organisation" title={`Signed in with ${session.keyId}`}>
            {session.organisation}
          </span>
          {rolesOf(session).map((role) => (
            <Badge tone="plain">{role}</Badge>
          ))}
          <form method="post" action="/sign-out">
            <button class="quiet">Sign out</button>
          </form>
        </div>
      )}
    </header>
  );
}

/** The highest role first; a session with neither role only reads. */
function rolesOf(session: Session): string[] {
  const roles = [mayAct(session) && 'admin', mayOperate(session) && 'operator'].filter(
    (role) => role !== false,
  );
  return roles.length === 0 ? ['read-only'] : roles;
}

function ThemeChoice({ theme }: { theme: Theme }) {
  return (
    <form method="post" action="/theme" class="themes">
      <fieldset>
        <legend class="hidden">Theme</legend>
        {THEMES.map((choice) => (
          <button
            name="theme"
            value={choice}
            class={`theme-${choice}`}
            aria-label={`Theme: ${choice}`}
            aria-pressed={choice === theme ? 'true' : 'false'}
            title={`Theme: ${choice}`}
          />
        ))}
      </fieldset>
    </form>
  );
}

/** The browser fills it in, because only it knows the state of the connection. */
function LiveState() {
  return (
    <p id="live" role="status" data-state="connecting">
      Connecting …
    </p>
  );
}
