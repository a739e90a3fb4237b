/** Checks the state of an OAuth app, for the workflow that watches it during an incident. */
import {
  type AppLimiter,
  type AppLimits,
  answeredOrganisations,
  type CircuitState,
  isSuspected,
} from '../domain/limits/app-limiter';
import { conclude, incidentOf } from '../domain/limits/limiter-outcome';
import type { DueAccount } from '../domain/refresh/sweep';
import { raiseIncidentEvent, recordIncidentEvent } from '../limits/incident-events';
import type { RefreshDependencies } from '../refresh/dependencies';
import type { AppName } from '../store/limits/app-limiters';

/** Maximum number of accounts that may probe: more than one, because a refresh of the first may be running. */
const PROBES_MAX = 5;

export interface AppCheck {
  /** `suspected`: the circuit is closed, and accounts of other organisations must confirm or refute the incident. */
  state: CircuitState | 'suspected';
  /** Until the next probe. */
  waitMs: number;
  /**
   * Accounts that may probe, alternating between organisations; empty if sweeps of the provider are disabled. Recorded
   * histories contain this member, so it keeps its name.
   */
  probes: DueAccount[];
}

type Dependencies = Pick<RefreshDependencies, 'store' | 'providers' | 'now'>;

export async function checkApp(deps: Dependencies, name: AppName): Promise<AppCheck> {
  const { store, providers, now } = deps;
  const provider = providers.find(name.provider);
  const rule = provider?.environments.get(name.environment)?.limits;
  const limiter =
    rule === undefined ? await store.limiters.find(name) : await concluded(deps, name, rule);
  const incident = limiter && incidentOf(limiter);
  // The worker that opened the circuit may have died before it recorded the incident.
  if (incident) await recordIncidentEvent({ store }, incident);
  if (limiter === null || (incident === null && !isSuspected(limiter)))
    return { state: 'closed', waitMs: 0, probes: [] };
  const { nextProbeAt, throttledUntil } = limiter;
  const probes =
    provider?.policy.enabled === true
      ? await store.dueAccounts.probes(name, {
          after: limiter.probedOrganisation,
          without: answeredOrganisations(limiter),
          provenOnly: incident === null,
          now: now(),
          limit: PROBES_MAX,
        })
      : [];
  const from = Math.max(Number(nextProbeAt), Number(throttledUntil));
  return {
    state: incident === null ? 'suspected' : limiter.state,
    waitMs: Math.max(0, from - store.limiters.now().getTime()),
    probes,
  };
}

/** The limiter after its evidence is evaluated; `null` if the app never sent a request. */
async function concluded(
  { store }: Dependencies,
  name: AppName,
  rule: AppLimits,
): Promise<AppLimiter | null> {
  const found = await store.limiters.find(name);
  if (found === null || !isSuspected(found)) return found;
  let event: ReturnType<typeof conclude>['event'] = null;
  const limiter = await store.limiters.change(name, (before, now) => {
    const conclusion = conclude(before, rule, now);
    ({ event } = conclusion);
    return conclusion.limiter;
  });
  const kind = event as ReturnType<typeof conclude>['event'];
  if (kind !== null && limiter.since !== null)
    await raiseIncidentEvent({ store }, { kind, limiter, begunAt: limiter.since });
  return limiter;
}
