/** The authenticated caller and the scopes of API keys, JWTs and sessions. */
import { ServiceError } from '../service-error';
import type { AccountBounds } from './account-bounds';

export const SCOPES = ['admin', 'read', 'tokens', 'internal', 'operator', 'connect'] as const;

export type Scope = (typeof SCOPES)[number];

export interface Principal {
  keyId: string;
  organisation: string;
  scopes: readonly Scope[];
  /** Absent: every account of the organisation. */
  bounds?: AccountBounds | undefined;
}

/** Tells a caller how to obtain a missing scope. */
const GRANTED_BY: Record<Scope, string> = {
  read: 'An admin of your organisation can grant it: evergrant keys grant <key id> --scope read.',
  admin: 'An admin of your organisation can grant it: evergrant keys grant <key id> --scope admin.',
  tokens:
    'An admin of your organisation can grant it: evergrant keys grant <key id> --scope tokens.',
  connect:
    'An admin of your organisation can grant it: evergrant keys grant <key id> --scope connect.',
  internal:
    'A key with "internal" or "operator" can grant it: evergrant keys grant <key id> --scope internal. INTERNAL_API_KEY has it.',
  operator:
    'An operator can grant it: evergrant keys grant <key id> --scope operator. ADMIN_API_KEY has it.',
};

export class InsufficientScope extends ServiceError {
  override name = 'InsufficientScope';
  readonly scope: Scope;
  /** @param scopes the message names the first one as the scope to request */
  constructor(scopes: readonly [Scope, ...Scope[]]) {
    const names = scopes.map((scope) => `"${scope}"`).join(' or ');
    super('forbidden', `This key or JWT lacks the scope ${names}. ${GRANTED_BY[scopes[0]]}`);
    [this.scope] = scopes;
  }
}

/** Scopes that `admin` includes. */
const OF_ADMIN: readonly Scope[] = ['read', 'connect'];

/** Whether a principal has the scope. `admin` includes `read` and `connect`. */
export function hasScope({ scopes }: Pick<Principal, 'scopes'>, scope: Scope): boolean {
  return scopes.includes(scope) || (OF_ADMIN.includes(scope) && scopes.includes('admin'));
}

export type Scopes = readonly [Scope, ...Scope[]];

/** @throws {InsufficientScope} unless the principal has one of the scopes */
export function demandScope(principal: Pick<Principal, 'scopes'>, ...scopes: Scopes): void {
  if (!scopes.some((scope) => hasScope(principal, scope))) throw new InsufficientScope(scopes);
}

/** Whether a restricted key may have these scopes. Routes of other scopes do not check the bounds. */
export function areBoundScopes(scopes: readonly Scope[]): boolean {
  return scopes.every((scope) => scope === 'tokens');
}
