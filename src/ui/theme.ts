/** The theme, light, dark or the system's, kept in a cookie so that the server renders it without a flash. */
import { getCookie, setCookie } from 'hono/cookie';
import type { UiContext } from './env';
import { isHttps } from './signed-cookie';

export const THEMES = ['system', 'light', 'dark'] as const;
export type Theme = (typeof THEMES)[number];

const COOKIE = 'evergrant_theme';
const REMEMBERED_SECONDS = 365 * 24 * 3600;

export function themeOf(c: UiContext): Theme {
  return asTheme(getCookie(c, COOKIE));
}

/** Anything unknown means the system's theme. */
export function asTheme(text: unknown): Theme {
  return THEMES.find((theme) => theme === text) ?? 'system';
}

export function rememberTheme(c: UiContext, theme: Theme): void {
  setCookie(c, COOKIE, theme, {
    path: '/',
    httpOnly: true,
    sameSite: 'Lax',
    secure: isHttps(c),
    maxAge: REMEMBERED_SECONDS,
  });
}
