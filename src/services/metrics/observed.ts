/** Connects the metrics port with the sources of a process that has started. */
import type { Observed } from '../../process/metrics-port';
import { readiness } from '../readiness';
import { type GaugeDependencies, StoreGauges } from './store-gauges';

export function observed(deps: GaugeDependencies): Observed {
  const gauges = new StoreGauges(deps);
  return {
    refreshGauges: () => gauges.refresh(),
    readiness: () => readiness(deps.store, deps.pingTemporal),
  };
}
