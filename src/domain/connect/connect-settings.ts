/** How consents and reminders of an organisation look, and where browsers may return to. Pure. */
import type { Language } from '../text/language';

/** The values of the process, for members that an organisation has not set. */
export interface ConnectDefaults {
  /** The addresses to which a browser may return after a consent, each exactly as a session must state it. */
  returnUrls: readonly string[];
  /** `null`: the organisation's id. */
  organisationName: string | null;
  logo: URL | null;
  /** The language of reminders. */
  language: Language;
}

/** The values that an organisation has set itself; `null`: the process's value applies. */
export interface OwnConnectSettings {
  /** Replaces the process's list. An empty list allows no address. */
  returnUrls: readonly string[] | null;
  organisationName: string | null;
  logoUrl: string | null;
  language: Language | null;
}

export const SETTING_SOURCES = ['organisation', 'process', 'none'] as const;
export type SettingSource = (typeof SETTING_SOURCES)[number];

export interface ConnectSettings extends ConnectDefaults {
  sources: Readonly<Record<keyof OwnConnectSettings, SettingSource>>;
}

export const NO_OWN_SETTINGS: OwnConnectSettings = {
  returnUrls: null,
  organisationName: null,
  logoUrl: null,
  language: null,
};

/** The values that apply to an organisation. */
export function effectiveSettings(
  own: OwnConnectSettings,
  defaults: ConnectDefaults,
): ConnectSettings {
  return {
    returnUrls: own.returnUrls ?? defaults.returnUrls,
    organisationName: own.organisationName ?? defaults.organisationName,
    logo: own.logoUrl === null ? defaults.logo : new URL(own.logoUrl),
    language: own.language ?? defaults.language,
    sources: {
      returnUrls: sourceOf(own.returnUrls, defaults.returnUrls.length > 0),
      organisationName: sourceOf(own.organisationName, defaults.organisationName !== null),
      logoUrl: sourceOf(own.logoUrl, defaults.logo !== null),
      language: sourceOf(own.language, true),
    },
  };
}

function sourceOf(own: unknown, hasDefault: boolean): SettingSource {
  if (own !== null) return 'organisation';
  return hasDefault ? 'process' : 'none';
}
