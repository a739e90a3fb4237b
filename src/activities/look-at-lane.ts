/** How a lane is just now, for who watches it until it has healed. */
import { incidentOf, type LaneState } from '../domain/lane';
import type { DueAccount } from '../domain/sweep';
import type { LaneName } from '../store/lanes';
import type { ActivityDependencies } from './dependencies';
import { recordLaneEvent } from './lane-event';

/** So many, because one or the other may be under way already. */
const CANARIES = 5;

export interface LaneLook {
  state: LaneState;
  /** Until the next probe. */
  waitMs: number;
  /** Who may probe, the soonest to expire first; none where sweeps are to leave the provider alone. */
  canaries: DueAccount[];
}

export async function lookAtLane(
  { store, providers, now }: Pick<ActivityDependencies, 'store' | 'providers' | 'now'>,
  name: LaneName,
): Promise<LaneLook> {
  const lane = await store.lanes.find(name);
  const incident = lane && incidentOf(lane);
  if (lane === null || incident === null) return { state: 'open', waitMs: 0, canaries: [] };
  // In case the worker that closed the lane had no time to.
  await recordLaneEvent({ store }, incident);
  const { state, nextProbeAt, throttledUntil, failing } = lane;
  const from = Math.max(Number(nextProbeAt), Number(throttledUntil));
  const provider = providers.find(name.provider);
  const canaries =
    provider?.policy.enabled === true
      ? await store.dueAccounts.canaries(name, { failing, now: now(), limit: CANARIES })
      : [];
  return { state, waitMs: Math.max(0, from - store.lanes.now().getTime()), canaries };
}
