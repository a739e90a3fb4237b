/** Lists accounts that are due for validation in a sweep, without those whose lane is closed to it. */
import type { DueAccount } from '../domain/sweep';
import type { ActivityDependencies } from './dependencies';
import { heldLanes } from './held-lanes';

export interface ListDueValidationsInput {
  provider: string;
  environment: string | null;
  /** ISO time the list is as of. */
  asOf: string;
  limit: number;
}

/** None where the provider is not swept. */
export async function listDueValidations(
  deps: Pick<ActivityDependencies, 'store' | 'providers' | 'permits'>,
  { provider: id, environment, asOf, limit }: ListDueValidationsInput,
): Promise<DueAccount[]> {
  const provider = deps.providers.find(id);
  if (provider?.policy.enabled !== true) return [];
  const held = await heldLanes(deps, provider, environment);
  return deps.store.validations.due({
    provider: id,
    environment,
    without: held.map((lane) => lane.environment),
    asOf: new Date(asOf),
    limit,
  });
}
