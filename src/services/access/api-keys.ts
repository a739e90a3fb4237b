/** Creates, extends and revokes the API keys of an organisation, for routes and pages. */
import { z } from '@hono/zod-openapi';
import {
  accountBounds,
  BOUND_MAX_CHARACTERS,
  BOUNDS_MAX,
} from '../../domain/access/account-bounds';
import {
  areBoundScopes,
  demandScope,
  hasScope,
  type Principal,
  SCOPES,
  type Scope,
} from '../../domain/access/principal';
import { notFound, ServiceError } from '../../domain/service-error';
import { changedMeanwhile } from '../../domain/text/messages';
import type { ApiKey } from '../../store/access/api-keys';
import type { Store } from '../../store/store';

type Caller = Pick<Principal, 'organisation' | 'scopes'>;

const newBound = (max: number, what: string) =>
  z
    .array(z.string().trim().min(1).max(BOUND_MAX_CHARACTERS))
    .min(1)
    .max(max)
    .optional()
    .openapi({ description: `Restricts the key to ${what}` });

export const NewApiKeyBody = z
  .strictObject({
    name: z.string().min(1).max(100).openapi({ description: 'The purpose of the key' }),
    scopes: z.array(z.enum(SCOPES)).min(1),
    providers: newBound(BOUNDS_MAX.providers, 'accounts of these providers'),
    kinds: newBound(BOUNDS_MAX.kinds, 'accounts of these kinds'),
    accounts: newBound(BOUNDS_MAX.accounts, 'the accounts with these ids'),
  })
  .openapi('NewApiKey', {
    example: { name: 'shop backend', scopes: ['tokens'], providers: ['ebay'] },
  });

export const ScopesToGrantBody = z
  .strictObject({ scopes: z.array(z.enum(SCOPES)).min(1) })
  .openapi('ScopesToGrant', { example: { scopes: ['operator'] } });

/** The scopes that reach beyond one organisation, each with the scopes of the callers that can grant it. */
const GRANTED_BY = { operator: ['operator'], internal: ['internal', 'operator'] } as const;

/** The scopes that the caller may give to a key. */
export function grantableScopes(caller: Pick<Principal, 'scopes'>): Scope[] {
  return SCOPES.filter(
    (scope) =>
      (scope !== 'operator' && scope !== 'internal') ||
      GRANTED_BY[scope].some((one) => hasScope(caller, one)),
  );
}

/** Whether the caller may change the key: only an operator may change a key of an operator. */
export function mayChangeKey(
  caller: Pick<Principal, 'scopes'>,
  { scopes }: Pick<ApiKey, 'scopes'>,
): boolean {
  return !scopes.includes('operator') || hasScope(caller, 'operator');
}

/**
 * @returns the key, and its text, which is shown once
 * @throws {ServiceError} `forbidden`; `invalid_request`
 */
export async function createApiKey(
  { store, now }: { store: Pick<Store, 'apiKeys'>; now: () => Date },
  caller: Caller,
  { name, scopes, ...lists }: z.infer<typeof NewApiKeyBody>,
): Promise<{ key: ApiKey; text: string }> {
  demandGrantable(caller, scopes);
  const bounds = accountBounds(lists);
  demandBoundScopes({ bounds }, scopes);
  const { organisation } = caller;
  return store.apiKeys.create({ organisation, name, scopes, bounds }, now());
}

/** @throws {ServiceError} `forbidden`, `not_found`, `conflict`; `invalid_request` */
export async function grantScopes(
  { store }: { store: Pick<Store, 'apiKeys'> },
  caller: Caller,
  id: string,
  scopes: readonly Scope[],
): Promise<ApiKey> {
  demandGrantable(caller, scopes);
  const before = await store.apiKeys.find(caller.organisation, id);
  if (before?.scopes.includes('operator')) demandScope(caller, 'operator');
  if (before !== null) demandBoundScopes(before, scopes);
  const key = await store.apiKeys.grant(caller.organisation, id, scopes);
  if (key === null) throw notFound(`API key ${id}`);
  if (key === 'changed') throw new ServiceError('conflict', changedMeanwhile(`API key ${id}`));
  return key;
}

/** @throws {ServiceError} `forbidden`, `not_found` */
export async function revokeApiKey(
  { store }: { store: Pick<Store, 'apiKeys' | 'sessionRecords'> },
  caller: Caller,
  id: string,
): Promise<void> {
  const { organisation } = caller;
  const key = await store.apiKeys.find(organisation, id);
  if (key?.scopes.includes('operator')) demandScope(caller, 'operator');
  if (!(await store.apiKeys.revoke(organisation, id))) throw notFound(`API key ${id}`);
  // Its sessions are refused from now on. Ending them also removes them from the list.
  await store.sessionRecords.endAllOf(organisation, id);
}

/**
 * @param key the key with its bounds, if it has any
 * @throws {ServiceError} `invalid_request` if a restricted key would have a scope whose routes ignore its bounds
 */
function demandBoundScopes({ bounds }: Pick<ApiKey, 'bounds'>, scopes: readonly Scope[]): void {
  if (bounds === undefined || areBoundScopes(scopes)) return;
  throw new ServiceError(
    'invalid_request',
    'scopes: a key that is restricted to providers, kinds or accounts may only have the scope "tokens". Create another key for other scopes.',
  );
}

/** @throws {InsufficientScope} if the caller would grant more than it may do itself */
function demandGrantable(caller: Pick<Principal, 'scopes'>, scopes: readonly Scope[]): void {
  if (scopes.includes('operator')) demandScope(caller, ...GRANTED_BY.operator);
  if (scopes.includes('internal')) demandScope(caller, ...GRANTED_BY.internal);
}
