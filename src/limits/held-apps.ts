/** Finds the OAuth apps of a provider that sweeps skip for now. */
import type { Hold } from '../domain/limits/app-limiter';
import type { Provider } from '../providers/provider';
import type { Limiter } from './limiter';

/** @param environment restricts the search to one environment; `null`: all of them */
export async function heldApps(
  { appLimiter }: { appLimiter: Limiter },
  provider: Provider,
  environment: string | null,
): Promise<(Hold & { environment: string })[]> {
  const names = [...provider.environments].filter(
    ([name]) => environment === null || name === environment,
  );
  const found = await Promise.all(
    names.map(async ([name, { limits: rule }]) => {
      const hold = await appLimiter.sweepHold({ provider: provider.id, environment: name, rule });
      return hold === null ? [] : [{ ...hold, environment: name }];
    }),
  );
  return found.flat();
}
