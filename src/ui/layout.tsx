/** The frame of every page: head, navigation, signed-in person, preferences. */
import { html } from 'hono/html';
import type { Child } from 'hono/jsx';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { SCRIPT, STYLE } from './assets';
import type { Done, Session, UiContext } from './env';
import { markup } from './markup';
import { isOpenTo, NAVIGATION, type Section } from './navigation';
import { Badge } from './parts/badge';
import { DoneNotice } from './parts/done-notice';
import { SearchDialog, SearchLink } from './parts/search-dialog';
import { mayAct, mayOperate } from './permissions';
import { PREFERENCES, type PreferenceName, type Preferences, preferencesOf } from './preferences';

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
  // Absent on public pages, and if a request fails before it is read.
  const done: Done | null = c.get('done') ?? null;
  const preferences = preferencesOf(c);
  const { theme, density, times } = preferences;
  const page = (
    <html
      lang="en"
      data-density={density}
      data-times={times}
      {...(theme === 'system' ? {} : { 'data-theme': theme })}
    >
      <Head title={title} />
      <body {...(session === undefined ? {} : { class: 'with-navigation' })}>
        <a class="skip" href="#main">
          Skip to the content
        </a>
        <Header session={session} preferences={preferences} />
        {session !== undefined && <Navigation session={session} section={section} />}
        <main id="main" tabindex={-1} {...(narrow ? { class: 'narrow' } : {})}>
          <div class="title">
            <h1>{title}</h1>
            {live && <LiveState />}
          </div>
          <div id="notices" aria-live="polite">
            {done !== null && <DoneNotice {...done} isLive={live} />}
          </div>
          {/* Scripts announce here, for screen readers, what a button did. */}
          <p id="announced" class="hidden" role="status" />
          {content}
        </main>
        {session !== undefined && <SearchDialog />}
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

function Header({
  session,
  preferences,
}: {
  session: Session | undefined;
  preferences: Preferences;
}) {
  return (
    <header class="top">
      <a class="brand" href="/">
        <span class="mark" aria-hidden="true" />
        Evergrant
      </a>
      {session !== undefined && <SearchLink />}
      <button type="button" class="sheet-button" popovertarget="who">
        Menu
      </button>
      <div class="who sheet" id="who" popover="auto">
        <PreferenceForm preferences={preferences} hasLists={session !== undefined} />
        {session !== undefined && (
          <>
            <span class="organisation" title={`Signed in with ${session.keyId}`}>
              {session.organisation}
            </span>
            {rolesOf(session).map((role) => (
              <Badge tone="plain">{role}</Badge>
            ))}
            <form method="post" action="/sign-out">
              <button class="quiet">Sign out</button>
            </form>
          </>
        )}
      </div>
    </header>
  );
}

function Navigation({ session, section }: { session: Session; section: Section | undefined }) {
  return (
    <nav class="pages" aria-label="Pages">
      {NAVIGATION.filter((entry) => isOpenTo(session, entry)).map(({ path, title }) => (
        <a href={path} {...(path === section ? { 'aria-current': 'page' } : {})}>
          {title}
        </a>
      ))}
    </nav>
  );
}

/** The highest role first; a session with neither role only reads. */
function rolesOf(session: Session): string[] {
  const roles = [mayAct(session) && 'admin', mayOperate(session) && 'operator'].filter(
    (role) => role !== false,
  );
  return roles.length === 0 ? ['read-only'] : roles;
}

const SHOWN: readonly PreferenceName[] = ['times', 'density', 'theme'];
/** The preferences that apply to pages without lists, too. */
const OF_ALL_PAGES: readonly PreferenceName[] = ['theme'];

const LABELS: { [Name in PreferenceName]: { legend: string; words: Record<string, string> } } = {
  times: { legend: 'Times', words: { relative: 'Relative', local: 'Local', utc: 'UTC' } },
  density: { legend: 'Density', words: { comfortable: 'Comfortable', compact: 'Compact' } },
  theme: { legend: 'Theme', words: { system: 'System', light: 'Light', dark: 'Dark' } },
};

/** One group of buttons per preference. A button is a submit button, so that it works without scripts. */
function PreferenceForm({
  preferences,
  hasLists,
}: {
  preferences: Preferences;
  hasLists: boolean;
}) {
  return (
    <form method="post" action="/preferences" class="preferences">
      {(hasLists ? SHOWN : OF_ALL_PAGES).map((name) => (
        <fieldset class={name}>
          <legend class="hidden">{LABELS[name].legend}</legend>
          {PREFERENCES[name].map((value) => {
            const title = `${LABELS[name].legend}: ${LABELS[name].words[value]?.toLowerCase()}`;
            return (
              <button
                name={name}
                value={value}
                class={`${name}-${value}`}
                aria-label={title}
                aria-pressed={value === preferences[name] ? 'true' : 'false'}
                title={title}
              >
                {name === 'times' && LABELS[name].words[value]}
              </button>
            );
          })}
        </fieldset>
      ))}
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
