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

/** None where the provider is not swept. */
export function listDueValidations(
  { store, providers }: Pick<ActivityDependencies, 'store' | 'providers'>,
  { provider, environment, asOf, limit }: ListDueValidationsInput,
): Promise<DueAccount[]> {
  if (providers.find(provider)?.policy.enabled !== true) return Promise.resolve([]);
  return store.validations.due({ provider, environment, asOf: new Date(asOf), limit });
}
