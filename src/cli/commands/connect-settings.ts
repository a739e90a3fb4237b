/** `evergrant connect-settings`: shows and changes how consents and reminders of the organisation look. */
import type { InferResponseType } from 'hono/client';
import type { Client } from '../../client';
import type { Command } from '../command';
import { UsageError } from '../errors';
import type { Output } from '../output';

type Settings = InferResponseType<Client['api']['admin']['connect']['settings']['$get']>;

/** Options whose member `--reset` sets to the default. */
const RESET = {
  name: 'organisation_name',
  logo: 'logo_url',
  'return-url': 'return_urls',
  language: 'language',
} as const;

export const connectSettingsShow: Command = {
  words: ['connect-settings', 'show'],
  summary: 'Show the return addresses, the name and the logo of your organisation',
  async run({ api, out }) {
    show(out, await api.ask(({ admin }) => admin.connect.settings.$get()));
    return 0;
  },
};

export const connectSettingsSet: Command = {
  words: ['connect-settings', 'set'],
  summary: 'Change the return addresses, the name and the logo of your organisation',
  options: {
    name: { type: 'string', value: 'text', help: 'name on the consent page and in reminders' },
    logo: { type: 'string', value: 'url', help: 'logo on the consent page and in reminders' },
    'return-url': {
      type: 'string',
      multiple: true,
      value: 'url',
      help: 'address to which a browser may return; repeat it for the whole list, which replaces the present one',
    },
    'no-return-urls': { type: 'boolean', help: 'allow no return address' },
    language: {
      type: 'string',
      value: 'language',
      help: 'language of reminders: en, de, fr or es',
    },
    reset: {
      type: 'string',
      multiple: true,
      value: 'option',
      help: `use the default again: ${Object.keys(RESET).join(', ')}; may be repeated`,
    },
  },
  more: [
    'Only the given settings change. The processes use a change within 5 s.',
    '',
    'Example:',
    '  evergrant connect-settings set --name "Harbour Books" --return-url https://app.example.com/connected',
  ].join('\n'),
  async run({ api, out, options }) {
    const urls = options.texts('return-url');
    if (urls.length > 0 && options.isSet('no-return-urls'))
      throw new UsageError('--return-url and --no-return-urls exclude each other');
    const given = {
      organisation_name: options.text('name'),
      logo_url: options.text('logo'),
      return_urls: urls.length > 0 ? urls : options.isSet('no-return-urls') ? [] : undefined,
      language: options.word<Settings['language']>('language'),
    };
    const change: { [name in keyof typeof given]?: (typeof given)[name] | null } = { ...given };
    for (const name of options.texts('reset')) {
      if (!isReset(name))
        throw new UsageError(
          `--reset must be one of ${Object.keys(RESET).join(', ')}, not "${name}"`,
        );
      if (change[RESET[name]] !== undefined)
        throw new UsageError(`--${name} is given and reset; keep one of the two`);
      change[RESET[name]] = null;
    }
    if (Object.values(change).every((value) => value === undefined))
      throw new UsageError('an option that changes a setting is required');
    show(out, await api.ask(({ admin }) => admin.connect.settings.$patch({ json: change })));
    return 0;
  },
};

function isReset(name: string): name is keyof typeof RESET {
  return Object.hasOwn(RESET, name);
}

function show(out: Output, settings: Settings): void {
  const { sources, return_urls: urls } = settings;
  out.list(
    settings,
    [
      { name: 'name', value: settings.organisation_name, source: sources.organisation_name },
      { name: 'logo', value: settings.logo_url, source: sources.logo_url },
      ...(urls.length === 0 ? [null] : urls).map((value) => ({
        name: 'return-url',
        value,
        source: sources.return_urls,
      })),
      { name: 'language', value: settings.language, source: sources.language },
    ],
    {
      setting: ({ name }) => name,
      value: ({ value }) => value,
      source: ({ source }) => source,
    },
    '',
    'whole',
  );
}
