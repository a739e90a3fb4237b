/** An account as somebody hands it in, one by one or by import: checked, sealed, ready to be stored. */
import { randomBytes } from 'node:crypto';
import { z } from '@hono/zod-openapi';
import type { NewAccount } from '../store/accounts';
import { accountPolicyOf, PolicyInput } from './account-policy';
import type { ApiDependencies } from './dependencies';
import { ApiError } from './errors';
import { FallbackInput, GrantInput, sealedFallbackOf, sealedGrantOf } from './grant-input';

export const NewAccountBody = z
  .strictObject({
    provider: z.string().openapi({ example: 'ebay' }),
    environment: z
      .string()
      .optional()
      .openapi({ description: "The provider's own default if left out", example: 'production' }),
    external_id: z.string().min(1).max(200).openapi({ example: 'harbour-books' }),
    label: z
      .string()
      .min(1)
      .max(200)
      .optional()
      .openapi({ description: 'The name people see; external_id if left out' }),
    kind: z.string().min(1).max(64).nullable().optional(),
    policy: PolicyInput.nullable().optional(),
    quarantine: z.boolean().optional().openapi({
      description:
        'true: another system still refreshes this grant. It is served, and not refreshed, until it is released.',
    }),
    ...GrantInput.shape,
    ...FallbackInput.shape,
  })
  .openapi('NewAccount', {
    example: {
      provider: 'ebay',
      external_id: 'harbour-books',
      label: 'Harbour Books',
      refresh_token: 'v^1.1#…',
    },
  });

export type AccountInput = z.infer<typeof NewAccountBody>;

/** @throws {ApiError} `invalid_request` where provider or environment is not configured */
export function newAccount(
  body: AccountInput,
  organisation: string,
  { vault, providers, now }: Pick<ApiDependencies, 'vault' | 'providers' | 'now'>,
): NewAccount {
  const provider = providers.find(body.provider);
  if (provider === undefined) {
    const names = providers.all.map(({ id }) => id).join(', ');
    throw new ApiError(
      'invalid_request',
      `provider: ${named(body.provider)} is not configured; there are: ${names}`,
    );
  }
  const environment = body.environment ?? provider.adapter.defaultEnvironment;
  if (!provider.environments.has(environment)) {
    const names = [...provider.environments.keys()].join(', ');
    throw new ApiError(
      'invalid_request',
      `environment: ${named(environment)} is not configured for ${provider.id}; there are: ${names}`,
    );
  }
  if (provider.adapter.accountHost?.(body.external_id) === null) {
    throw new ApiError(
      'invalid_request',
      `external_id: ${named(body.external_id)} is not the address of a ${provider.adapter.displayName} account`,
    );
  }
  const id = `acc_${randomBytes(12).toString('hex')}`;
  const at = now();
  const place = { organisation, accountId: id };
  return {
    id,
    organisation,
    provider: provider.id,
    environment,
    externalId: body.external_id,
    label: body.label ?? body.external_id,
    kind: body.kind ?? null,
    quarantine: body.quarantine,
    grant: sealedGrantOf(body, { adapter: provider.adapter, vault, place, now: at }),
    fallback: sealedFallbackOf(body, { vault, place }),
    policy: accountPolicyOf(body.policy, provider.environments.get(environment)),
    lastRefreshedAt: at,
  };
}

/** Where columns were mixed up, a token may stand in a name's place: what is no name is not repeated. */
function named(text: string): string {
  return /^[a-z0-9][a-z0-9 .-]{0,39}$/i.test(text) ? `"${text}"` : `(${text.length} characters)`;
}
