/** The person's preferences: theme, density and times. Kept in cookies, so that the server renders them without a flash. */
import { getCookie, setCookie } from 'hono/cookie';
import type { UiContext } from './env';
import { isHttps } from './signed-cookie';

/** The values of each preference; the first is the default. */
export const PREFERENCES = {
  theme: ['system', 'light', 'dark'],
  density: ['comfortable', 'compact'],
  times: ['relative', 'local', 'utc'],
} as const;

export type PreferenceName = keyof typeof PREFERENCES;
export type Preferences = { [Name in PreferenceName]: (typeof PREFERENCES)[Name][number] };

const REMEMBERED_SECONDS = 365 * 24 * 3600;

/** Unknown values count as the default. */
export function preferencesOf(c: UiContext): Preferences {
  const { theme, density, times } = PREFERENCES;
  return {
    theme: chosen(theme, getCookie(c, cookieOf('theme'))),
    density: chosen(density, getCookie(c, cookieOf('density'))),
    times: chosen(times, getCookie(c, cookieOf('times'))),
  };
}

/** Stores the preferences that a form names. */
export function rememberPreferences(c: UiContext, form: Readonly<Record<string, string>>): void {
  for (const [name, values] of Object.entries<readonly [string, ...string[]]>(PREFERENCES)) {
    if (form[name] === undefined) continue;
    setCookie(c, cookieOf(name), chosen(values, form[name]), {
      path: '/',
      httpOnly: true,
      sameSite: 'Lax',
      secure: isHttps(c),
      maxAge: REMEMBERED_SECONDS,
    });
  }
}

function chosen<Value extends string>(
  values: readonly [Value, ...Value[]],
  given: string | undefined,
): Value {
  return values.find((value) => value === given) ?? values[0];
}

function cookieOf(name: string): string {
  return `evergrant_${name}`;
}
