/** Light, dark or as the system has it: remembered in a cookie, so that the first byte of a page is right. */
import { getCookie, setCookie } from 'hono/cookie';
import type { UiContext } from './dependencies';
import { isHttps } from './signed-cookie';

export const THEMES = ['system', 'light', 'dark'] as const;
export type Theme = (typeof THEMES)[number];

const COOKIE = 'evergrant_theme';
const REMEMBERED_SECONDS = 365 * 24 * 3600;

export function themeOf(c: UiContext): Theme {
  return asTheme(getCookie(c, COOKIE));
}

/** Anything unknown is the system's. */
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
