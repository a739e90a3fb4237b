/** Finds the lanes of a provider that sweeps leave alone for now. */
import type { Hold } from '../domain/lane';
import type { Provider } from '../providers/provider';
import type { ActivityDependencies } from './dependencies';

/** @param environment the only one that is asked about; `null`: all of them */
export async function heldLanes(
  { permits }: Pick<ActivityDependencies, 'permits'>,
  provider: Provider,
  environment: string | null,
): Promise<(Hold & { environment: string })[]> {
  const names = [...provider.environments].filter(
    ([name]) => environment === null || name === environment,
  );
  const found = await Promise.all(
    names.map(async ([name, { lane: rule }]) => {
      const hold = await permits.sweepHold({ provider: provider.id, environment: name, rule });
      return hold === null ? [] : [{ ...hold, environment: name }];
    }),
  );
  return found.flat();
}
