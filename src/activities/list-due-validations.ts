/** Lists accounts that are due for validation in a sweep. */
import type { DueAccount } from '../domain/sweep';
import type { ActivityDependencies } from './dependencies';

export interface ListDueValidationsInput {
  provider: string;
  environment: string | null;
  /** ISO time the list is as of. */
  asOf: string;
  limit: number;
}

/** None where the provider is not validated. */
export function listDueValidations(
  { store, providers }: Pick<ActivityDependencies, 'store' | 'providers'>,
  { provider, environment, asOf, limit }: ListDueValidationsInput,
): Promise<DueAccount[]> {
  const everyMs = providers.find(provider)?.policy.validateEveryMs ?? null;
  if (everyMs === null) return Promise.resolve([]);
  return store.validations.due({ provider, environment, asOf: new Date(asOf), limit });
}
