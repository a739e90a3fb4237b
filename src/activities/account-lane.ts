/** Between an account's request and its lane: which lane it is, what is asked of it, and what an answer tells it. */
import type { Account } from '../domain/account';
import type { Hold, Lane, LaneNews, PermitRequest, Permitted } from '../domain/lane';
import type { ExchangeOutcome } from '../domain/log-entry';
import type { HeldBack, RefreshRequest } from '../domain/refresh-attempt';
import type { RefreshFailure } from '../domain/refresh-failure';
import type { ProviderEnvironment } from '../providers/provider';
import { isDatabaseUnavailable } from '../store/database';
import type { ActivityDependencies } from './dependencies';
import type { ConfiguredLane, Heard } from './lane-permits';

export function laneOf(account: Account, environment: ProviderEnvironment): ConfiguredLane {
  return {
    provider: account.provider,
    environment: account.environment,
    rule: environment.lane,
  };
}

export function permitRequest({ source, probe = false }: RefreshRequest): PermitRequest {
  return {
    use: source === 'scheduled' ? 'scheduled' : 'on_demand',
    purpose: probe ? 'probe' : 'refresh',
  };
}

/** What callers are told where nothing was sent: the lane's reason, for how long, and what closed it. */
export function heldBack(
  { store }: Pick<ActivityDependencies, 'store'>,
  { hold, lane }: { hold: Hold; lane: Lane },
): HeldBack {
  const forMs = hold.until.getTime() - store.lanes.now().getTime();
  const closed = hold.reason === 'app_incident' || hold.reason === 'provider_outage';
  return {
    reason: hold.reason,
    heldForMs: Math.max(0, forMs),
    failure: closed ? lane.failure : null,
  };
}

/** Tells the lane how a refresh ended. What could not be written is learned anew by the next request. */
export async function tellLane(
  { permits }: Pick<ActivityDependencies, 'permits'>,
  lane: ConfiguredLane,
  permitted: Permitted,
  answer: { outcome: ExchangeOutcome; failure: RefreshFailure | null },
): Promise<Heard> {
  const news = newsOf(answer);
  if (news === null) return { state: null, alone: false };
  try {
    return await permits.tell(lane, permitted, news);
  } catch (error) {
    if (!isDatabaseUnavailable(error)) throw error;
    return { state: null, alone: false };
  }
}

/** `null`: it says nothing of the provider or the app. */
function newsOf({
  outcome,
  failure,
}: {
  outcome: ExchangeOutcome;
  failure: RefreshFailure | null;
}): LaneNews | null {
  if (failure === null) return outcome === 'ok' ? { kind: 'alive' } : null;
  switch (failure.class) {
    case 'account':
      // Whoever refuses a grant has accepted the app that presented it.
      return outcome === 'rejected' ? { kind: 'alive' } : null;
    case 'app':
    case 'provider':
      return { kind: failure.class, failure };
    case 'rate':
      return { kind: 'rate', waitMs: failure.retryAfterMs ?? 0 };
    case 'ours':
      return null;
  }
}
