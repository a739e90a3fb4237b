/**
 * Lists accounts that are due for validation in a sweep, without the OAuth apps that sweeps must skip, and those whose
 * credentials do not permit validation.
 */
import type { DueAccount } from '../domain/refresh/sweep';
import { heldApps } from '../limits/held-apps';
import type { RefreshDependencies } from '../refresh/dependencies';
import { environmentsPutOff } from './validation-put-off';

export interface ListDueValidationsInput {
  provider: string;
  environment: string | null;
  /** ISO time the list is as of. */
  asOf: string;
  limit: number;
}

/** Returns none if sweeps of the provider are disabled. */
export async function listDueValidations(
  deps: Pick<RefreshDependencies, 'store' | 'providers' | 'appLimiter' | 'now'>,
  { provider: id, environment, asOf, limit }: ListDueValidationsInput,
): Promise<DueAccount[]> {
  const provider = deps.providers.find(id);
  if (provider?.policy.enabled !== true) return [];
  const held = await heldApps(deps, provider, environment);
  const putOff = await environmentsPutOff(deps, provider, environment);
  return deps.store.validations.due({
    provider: id,
    environment,
    without: [...held.map((limiter) => limiter.environment), ...putOff],
    asOf: new Date(asOf),
    limit,
  });
}
