/** The connect settings of organisations: what an admin may set, and the values that apply, cached for seconds. */
import { z } from '@hono/zod-openapi';
import {
  type ConnectDefaults,
  type ConnectSettings,
  effectiveSettings,
  type OwnConnectSettings,
} from '../../domain/connect/connect-settings';
import { LANGUAGES } from '../../domain/text/language';
import { hasUserInfo } from '../../domain/text/user-info';
import { visible } from '../../domain/text/visible-text';
import { isLoopback } from '../../providers/exchange/token-endpoint';
import { isDatabaseUnavailable } from '../../store/mongo/unavailability';
import type { Store } from '../../store/store';
import { RecentReads } from '../recent-reads';

const RETURN_URLS_MAX = 20;
const URL_MAX_CHARACTERS = 2_000;
const NAME_MAX_CHARACTERS = 100;

/**
 * The host of a URL that a page names in its content security policy. The URL standard allows `;` and `'` in hosts,
 * which would add directives to the policy.
 */
const HOST = /^(?:[a-z0-9_.-]+|\[[0-9a-f:.]+\])$/;

/** @returns the problem of an address, as the end of a sentence; `null` if there is none */
function urlProblem(text: string, allowsHttp: (url: URL) => boolean): string | null {
  if (!URL.canParse(text)) return 'must be a URL, such as https://app.example.com/connected';
  const url = new URL(text);
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && allowsHttp(url)))
    return 'must begin with https://';
  if (hasUserInfo(url)) return 'must not contain a user name or a password';
  if (text.includes('#')) return 'must not contain a fragment (#…)';
  if (!HOST.test(url.hostname)) return 'has a host with characters that no host name has';
  // Browsers also accept other forms, such as backslashes, an upper-case host or a default port.
  if (url.href !== text) return `must be written as browsers write it: ${visible(url.href)}`;
  return null;
}

const checked = (problemOf: (text: string) => string | null) =>
  z
    .string()
    .max(URL_MAX_CHARACTERS, `must be at most ${URL_MAX_CHARACTERS} characters long`)
    .superRefine((text, context) => {
      const problem = problemOf(text);
      if (problem !== null) context.addIssue(problem);
    });

const ReturnUrl = checked((text) => urlProblem(text, isLoopback));
const LogoUrl = checked((text) => urlProblem(text, () => false));

const Name = z
  .string()
  .trim()
  .max(NAME_MAX_CHARACTERS, `must be at most ${NAME_MAX_CHARACTERS} characters long`)
  .refine((name) => /[\p{L}\p{N}\p{P}\p{S}]/u.test(name), 'must have a visible character')
  .refine((name) => visible(name) === name, 'must not contain invisible characters');

export const ConnectSettingsChange = z
  .strictObject({
    return_urls: z
      .array(ReturnUrl)
      .max(RETURN_URLS_MAX, `must list at most ${RETURN_URLS_MAX} addresses`)
      .refine((urls) => new Set(urls).size === urls.length, 'must not list an address twice')
      .nullable()
      .optional()
      .openapi({
        description:
          'The addresses to which a browser may return after a consent: https, or http on this machine. A session must state one of them exactly. The list replaces CONNECT_RETURN_URLS; an empty list allows none.',
      }),
    organisation_name: Name.nullable().optional().openapi({
      description: 'The name on the consent page and in reminders',
    }),
    logo_url: LogoUrl.nullable().optional().openapi({
      description: 'The logo on the consent page and in reminders (https)',
    }),
    language: z.enum(LANGUAGES).nullable().optional().openapi({
      description: 'The language of reminders',
    }),
  })
  .openapi('ConnectSettingsChange', {
    description: 'Members that are left out stay as they are. null resets one to the default.',
    example: {
      return_urls: ['https://app.example.com/connected'],
      organisation_name: 'Harbour Books',
    },
  });

interface CachedSettings {
  readAt: Date;
  settings: ConnectSettings;
}

/** The settings that apply to each organisation. Built once per process. */
export class OrganisationSettings {
  readonly #store: Pick<Store, 'connectSettings'>;
  readonly #now: () => Date;
  readonly #cached = new RecentReads<CachedSettings>();
  readonly defaults: ConnectDefaults;

  constructor({
    store,
    now,
    defaults,
  }: {
    store: Pick<Store, 'connectSettings'>;
    now: () => Date;
    defaults: ConnectDefaults;
  }) {
    this.#store = store;
    this.#now = now;
    this.defaults = defaults;
  }

  /** As they were at most a few seconds ago. */
  async of(organisation: string): Promise<ConnectSettings> {
    const readAt = this.#now();
    const cached = this.#cached.get(organisation, readAt);
    if (cached !== undefined) return cached.settings;
    const settings = await this.current(organisation);
    this.#cached.set(organisation, { readAt, settings }, readAt);
    return settings;
  }

  /** Whether a browser may return to an address. While MongoDB is unreachable, it may not. */
  async allows(organisation: string, returnUrl: string): Promise<boolean> {
    try {
      return (await this.of(organisation)).returnUrls.includes(returnUrl);
    } catch (error) {
      if (isDatabaseUnavailable(error)) return false;
      throw error;
    }
  }

  /** As MongoDB has them now. */
  async current(organisation: string): Promise<ConnectSettings> {
    return effectiveSettings(await this.#store.connectSettings.find(organisation), this.defaults);
  }

  async change(
    organisation: string,
    { return_urls, organisation_name, logo_url, language }: z.infer<typeof ConnectSettingsChange>,
  ): Promise<ConnectSettings> {
    const changes: Partial<OwnConnectSettings> = {
      ...(return_urls === undefined ? {} : { returnUrls: return_urls }),
      ...(organisation_name === undefined ? {} : { organisationName: organisation_name }),
      ...(logo_url === undefined ? {} : { logoUrl: logo_url }),
      ...(language === undefined ? {} : { language }),
    };
    const own = await this.#store.connectSettings.change(organisation, changes, this.#now());
    this.#cached.delete(organisation);
    return effectiveSettings(own, this.defaults);
  }
}
