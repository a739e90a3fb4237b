/** The connect settings of an organisation in API responses. */
import { z } from '@hono/zod-openapi';
import { type ConnectSettings, SETTING_SOURCES } from '../../../domain/connect/connect-settings';
import { LANGUAGES } from '../../../domain/text/language';

const Source = z.enum(SETTING_SOURCES).openapi('ConnectSettingSource', {
  description:
    'organisation: set by an admin of your organisation. process: the default of this Evergrant (CONNECT_… and REMINDER_LANGUAGE). none: neither is set.',
});

export const ConnectSettingsBody = z
  .object({
    return_urls: z.array(z.string()).openapi({
      description: 'The addresses to which a browser may return after a consent',
    }),
    organisation_name: z.string().nullable().openapi({
      description: 'null: pages and reminders show the id of your organisation',
    }),
    logo_url: z.string().nullable(),
    language: z.enum(LANGUAGES).openapi({ description: 'The language of reminders' }),
    sources: z
      .object({
        return_urls: Source,
        organisation_name: Source,
        logo_url: Source,
        language: Source,
      })
      .openapi({ description: 'Where each value comes from' }),
  })
  .openapi('ConnectSettings', {
    example: {
      return_urls: ['https://app.example.com/connected'],
      organisation_name: 'Harbour Books',
      logo_url: null,
      language: 'en',
      sources: {
        return_urls: 'organisation',
        organisation_name: 'organisation',
        logo_url: 'none',
        language: 'process',
      },
    },
  });

export function connectSettingsBody({
  returnUrls,
  organisationName,
  logo,
  language,
  sources,
}: ConnectSettings): z.infer<typeof ConnectSettingsBody> {
  return {
    return_urls: [...returnUrls],
    organisation_name: organisationName,
    logo_url: logo?.href ?? null,
    language,
    sources: {
      return_urls: sources.returnUrls,
      organisation_name: sources.organisationName,
      logo_url: sources.logoUrl,
      language: sources.language,
    },
  };
}
