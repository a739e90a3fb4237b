/**
 * Selects the audit chain that an action is written to, or that a caller reads: each organisation has one, and
 * operators' actions, which concern no organisation, have another.
 */
import { type OpenAPIHono, z } from '@hono/zod-openapi';
import { OPERATOR_AUDIT } from '../domain/access/organisation';
import {
  demandScope,
  hasScope,
  type Principal,
  SCOPES,
  type Scope,
} from '../domain/access/principal';
import type { ApiEnv } from './env';

const CHAINS = ['organisation', 'operator'] as const;
type Chain = (typeof CHAINS)[number];

export const chainQuery = z.enum(CHAINS).default('organisation').openapi({
  description: 'organisation needs the scope "admin". operator needs the scope "operator".',
});

/**
 * The name under which a chain is stored.
 * @throws {InsufficientScope} if the caller may not read it
 */
export function auditChain(caller: Principal, chain: Chain): string {
  demandScope(caller, chain === 'operator' ? 'operator' : 'admin');
  return chain === 'operator' ? OPERATOR_AUDIT : caller.organisation;
}

/** The scopes of routes whose actions concern no organisation. */
const BEYOND: readonly Scope[] = ['operator', 'internal'];
/** Matches paths of workflows that belong to an account, on routes that accept any workflow. */
const OF_ACCOUNT = /\/workflows\/(?:refresh|validate)-account(?:\/|%2F)/i;

/** Whether an action concerns no organisation and the caller is allowed to do it. */
export type IsOperators = (
  caller: Pick<Principal, 'scopes'>,
  action: string,
  path: string,
) => boolean;

/**
 * Uses the scopes that each route declares, so that no route is forgotten. A refused caller is recorded in its own
 * organisation's audit, because it must not write to the operators'.
 */
export function operatorsActions(app: OpenAPIHono<ApiEnv>): IsOperators {
  let known: ReadonlyMap<string, readonly Scope[]> | undefined;
  return (caller, action, path) => {
    known ??= new Map(
      app.openAPIRegistry.definitions.flatMap((definition) => {
        if (definition.type !== 'route') return [];
        const { method, path: at, security = [] } = definition.route;
        const named = security.flatMap((one) => one['bearer'] ?? []);
        const scopes = SCOPES.filter((scope) => named.includes(scope));
        return [[`${method.toUpperCase()} ${at}`, scopes] as const];
      }),
    );
    const beyond = (known.get(action) ?? []).filter((scope) => BEYOND.includes(scope));
    return beyond.some((scope) => hasScope(caller, scope)) && !OF_ACCOUNT.test(path);
  };
}

/** The same for forms on pages. They concern no organisation if they change a schedule, the encryption keys, or a workflow without an account. */
export const operatorsPages: IsOperators = (caller, _action, path) =>
  hasScope(caller, 'operator') &&
  (path.startsWith('/admin/workers/') ||
    path.startsWith('/admin/encryption/') ||
    (path.startsWith('/admin/workflows/') && !OF_ACCOUNT.test(path)));
