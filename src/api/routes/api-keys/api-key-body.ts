/** An API key in API responses (its text only on creation), and the scopes that a caller may grant. */
import { z } from '@hono/zod-openapi';
import { BOUND_MAX_CHARACTERS, BOUNDS_MAX } from '../../../domain/access/account-bounds';
import {
  areBoundScopes,
  demandScope,
  type Principal,
  SCOPES,
  type Scope,
} from '../../../domain/access/principal';
import { ServiceError } from '../../../domain/service-error';
import { type ApiKey, KEY_STATUSES } from '../../../store/access/api-keys';

const boundOf = (what: string) =>
  z
    .array(z.string())
    .nullable()
    .openapi({ description: `The key gets tokens only for ${what}. null: not restricted.` });

export const ApiKeyBody = z
  .object({
    id: z.string(),
    name: z.string(),
    organisation: z.string(),
    scopes: z.array(z.enum(SCOPES)),
    status: z.enum(KEY_STATUSES).openapi({
      description:
        'invalid: Evergrant did not write the row of the key in MongoDB, or the row was changed later. The key is refused. Revoke it.',
    }),
    providers: boundOf('accounts of these providers'),
    kinds: boundOf('accounts of these kinds'),
    accounts: boundOf('the accounts with these ids'),
    created_at: z.iso.datetime(),
  })
  .openapi('ApiKey', {
    example: {
      id: '5f0c9a1be2d34786',
      name: 'shop backend',
      organisation: 'acme',
      scopes: ['tokens'],
      status: 'valid',
      providers: ['ebay'],
      kinds: null,
      accounts: null,
      created_at: '2026-11-22T18:20:00.000Z',
    },
  });

const newBound = (max: number, what: string) =>
  z
    .array(z.string().trim().min(1).max(BOUND_MAX_CHARACTERS))
    .min(1)
    .max(max)
    .optional()
    .openapi({ description: `Restricts the key to ${what}` });

/** The restrictions of a new key. */
export const BOUND_MEMBERS = {
  providers: newBound(BOUNDS_MAX.providers, 'accounts of these providers'),
  kinds: newBound(BOUNDS_MAX.kinds, 'accounts of these kinds'),
  accounts: newBound(BOUNDS_MAX.accounts, 'the accounts with these ids'),
};

/**
 * @param key the key with its bounds, if it has any
 * @throws {ServiceError} `invalid_request` if a restricted key would have a scope whose routes ignore its bounds
 */
export function demandBoundScopes(
  { bounds }: Pick<ApiKey, 'bounds'>,
  scopes: readonly Scope[],
): void {
  if (bounds === undefined || areBoundScopes(scopes)) return;
  throw new ServiceError(
    'invalid_request',
    'scopes: a key that is restricted to providers, kinds or accounts may only have the scope "tokens". Create another key for other scopes.',
  );
}

/** The scopes that reach beyond one organisation, each with the scopes of the callers that can grant it. */
const GRANTED_BY = { operator: ['operator'], internal: ['internal', 'operator'] } as const;

/** @throws {InsufficientScope} if the caller would grant more than it may do itself */
export function demandGrantable(caller: Pick<Principal, 'scopes'>, scopes: readonly Scope[]): void {
  if (scopes.includes('operator')) demandScope(caller, ...GRANTED_BY.operator);
  if (scopes.includes('internal')) demandScope(caller, ...GRANTED_BY.internal);
}

export function apiKeyBody(key: ApiKey): z.infer<typeof ApiKeyBody> {
  return {
    id: key.keyId,
    name: key.name,
    organisation: key.organisation,
    scopes: [...key.scopes],
    status: key.status,
    providers: copied(key.bounds?.providers),
    kinds: copied(key.bounds?.kinds),
    accounts: copied(key.bounds?.accounts),
    created_at: key.createdAt.toISOString(),
  };
}

function copied(list: readonly string[] | null | undefined): string[] | null {
  return list ? [...list] : null;
}
