/** Provider files in API responses: a summary in the list, and all facts of one. */
import { z } from '@hono/zod-openapi';
import {
  type CatalogueDetails,
  catalogueDetails,
  catalogueEntry,
  type ListedProvider,
} from '../../../services/catalogue/catalogue';

const SOURCE = 'https://developer.xero.com/faq/oauth2';
const EXAMPLE = {
  id: 'xero',
  name: 'Xero',
  docs: SOURCE,
  checked: '2026-11-30',
  unknown: ['authorization.pkce', 'limits.token'],
  configured_as: ['books'],
  grants: 'authorization code, refresh token',
  pkce: 'S256 ?',
  rotation: 'always',
  access_life: '30m',
  refresh_life: '60d from the last use',
  replay: 'same answer for 30m',
  revocation: 'yes',
  validation: 'yes',
};

const members = {
  id: z.string(),
  name: z.string(),
  docs: z.string().openapi({ description: 'The page of the provider about OAuth' }),
  checked: z.string().openapi({ description: 'The day on which the sources were read' }),
  unknown: z.array(z.string()).openapi({ description: 'Fields of the file that have no source' }),
  configured_as: z
    .array(z.string())
    .openapi({ description: 'The entries of providers.yaml that use the file' }),
  grants: z.string(),
  pkce: z.string(),
  rotation: z.string(),
  access_life: z.string(),
  refresh_life: z.string(),
  replay: z.string().openapi({ description: 'The reaction to a refresh token that is sent twice' }),
  revocation: z.string(),
  validation: z.string(),
};

export const CatalogueProviderBody = z.object(members).openapi('CatalogueProvider', {
  description:
    'A provider file. "unknown" is a fact without a source, and "?" marks an assumption.',
  example: EXAMPLE,
});

const CatalogueFactBody = z
  .object({
    field: z.string().openapi({ description: 'The field of the file' }),
    title: z.string(),
    value: z.string().nullable().openapi({ description: 'null: not known' }),
    sources: z.array(z.string()).openapi({ description: 'The pages that state the fact' }),
    is_unknown: z.boolean().openapi({
      description: 'No page states it; with a value, it is an assumption',
    }),
  })
  .openapi('CatalogueFact');

const CatalogueGroupBody = z
  .object({ title: z.string(), facts: z.array(CatalogueFactBody) })
  .openapi('CatalogueFactGroup');

export const CatalogueDetailsBody = z
  .object({
    ...members,
    notes: z.string().nullable(),
    groups: z.array(CatalogueGroupBody),
    example: z.string().openapi({ description: 'An entry of providers.yaml that uses the file' }),
  })
  .openapi('CatalogueProviderDetails', {
    example: {
      ...EXAMPLE,
      notes: null,
      groups: [
        {
          title: 'Tokens',
          facts: [
            {
              field: 'lives.access',
              title: 'Access token lives',
              value: '30m',
              sources: [SOURCE],
              is_unknown: false,
            },
          ],
        },
      ],
      example: 'providers:\n  xero:\n    clientId: ${XERO_CLIENT_ID}\n',
    },
  });

export function catalogueProviderBody({
  file,
  configuredAs,
}: ListedProvider): z.infer<typeof CatalogueProviderBody> {
  return { ...catalogueEntry(file), configured_as: configuredAs };
}

export function catalogueDetailsBody({
  file,
  configuredAs,
}: ListedProvider): CatalogueDetails & { configured_as: string[] } {
  return { ...catalogueDetails(file), configured_as: configuredAs };
}
