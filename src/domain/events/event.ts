/**
 * Events: what changed about an account, an OAuth app or a webhook endpoint, for systems that want to be told. Thin:
 * who, what and when; never a token or anything made from one.
 */
import { type Account, AccountState } from './account';

/** What a webhook endpoint can ask for. */
export const EVENT_TYPES = [
  'account.needs_reconnect',
  'account.recovered',
  'refresh_token.expiring',
  'token.refreshed',
  'app.incident',
  'app.recovered',
  'webhook_endpoint.disabled',
] as const;
export type EventType = (typeof EVENT_TYPES)[number];

/** Changes of state. `token.refreshed` is none, and is raised only where somebody asked for it. */
export const STATE_EVENT_TYPES = EVENT_TYPES.filter((type) => type !== 'token.refreshed');

interface AccountData {
  account_id: string;
  label: string;
  provider: string;
  environment: string;
}

/** An OAuth app: a provider's environment, which the accounts of all organisations share. */
interface AppData {
  provider: string;
  environment: string;
  /** ISO time at which the incident began. */
  since: string;
}

/** What each type tells, in members as receivers see them; times are ISO 8601 UTC. */
export interface EventData {
  'account.needs_reconnect': AccountData & {
    status: 'needs_reconnect' | 'inactive';
    /** A failure's code: `invalid_grant`, `row_corrupt`, … */
    reason: string;
  };
  'account.recovered': AccountData & { reason: 'refreshed' | 'reconnected' | 'validated' };
  'refresh_token.expiring': AccountData & { expires_at: string; days_left: number };
  'token.refreshed': AccountData & { expires_at: string | null };
  /** `reason`: a failure's code; of the app itself (`invalid_client`, …) or of the provider for all (`provider_unavailable`, …). */
  'app.incident': AppData & { reason: string };
  'app.recovered': AppData;
  'webhook_endpoint.disabled': { webhook_id: string; reason: DisabledReason };
  'webhook.test': { webhook_id: string };
}

/** Why an endpoint was disabled by itself: it answered 410, or accepted nothing for days. */
export type DisabledReason = 'gone' | 'no_success';

type EventOf<T extends keyof EventData> = {
  /** Deterministic, so that a step done twice raises one event; without a full stop, which signatures use. */
  id: string;
  type: T;
  /** `null`: it concerns all of them. */
  organisation: string | null;
  /** ISO time. */
  at: string;
  data: EventData[T];
};
/** Whatever its type. */
export type RaisedEvent = { [T in keyof EventData]: EventOf<T> }[keyof EventData];

/**
 * The text that is signed and sent.
 * @see [Standard Webhooks, payload structure](https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md)
 */
export function eventPayload({ type, at, data }: RaisedEvent): string {
  return JSON.stringify({ type, timestamp: at, data });
}

type Announced = Pick<Account, 'id' | 'organisation' | 'label' | 'provider' | 'environment'>;
type Endpoint = { id: string; organisation: string };

/** The account can no longer be kept alive without its owner. */
export function needsReconnectEvent(
  account: Announced,
  { state, reason, at }: { state: AccountState; reason: string; at: Date },
): RaisedEvent {
  const status =
    state === AccountState.inactive ? AccountState.inactive : AccountState.needsReconnect;
  return {
    ...head('account.needs_reconnect', account, at),
    data: { ...accountData(account), status, reason },
  };
}

/** Whether an account in this state waits for its owner, or for its provider's approval. */
export function isBroken(state: AccountState): boolean {
  return state === AccountState.needsReconnect || state === AccountState.inactive;
}

/** An account that needed its owner works again. */
export function recoveredEvent(
  account: Announced,
  reason: EventData['account.recovered']['reason'],
  at: Date,
): RaisedEvent {
  return {
    ...head('account.recovered', account, at),
    data: { ...accountData(account), reason },
  };
}

export function tokenRefreshedEvent(
  account: Announced,
  expiresAt: string | null,
  at: Date,
): RaisedEvent {
  return {
    ...head('token.refreshed', account, at),
    data: { ...accountData(account), expires_at: expiresAt },
  };
}

export function refreshTokenExpiringEvent(
  account: Announced,
  { expiresAt, daysLeft, at }: { expiresAt: string; daysLeft: number; at: Date },
): RaisedEvent {
  return {
    ...head('refresh_token.expiring', account, at),
    data: { ...accountData(account), expires_at: expiresAt, days_left: daysLeft },
  };
}

/**
 * An OAuth app is refused or its provider fails for all accounts, or it works again. May be raised as often as one likes: an incident is known by when it began,
 * and is told once when it begins and once when it ends.
 * @param app `since`: when the incident began, the same moment in both events
 */
export function appEvent(
  {
    provider,
    environment,
    since,
    at,
  }: { provider: string; environment: string; since: Date; at: Date },
  what: { type: 'app.incident'; reason: string } | { type: 'app.recovered' },
): RaisedEvent {
  const app = { id: `app_${provider}_${environment}`, organisation: null };
  const data = { provider, environment, since: since.toISOString() };
  return what.type === 'app.incident'
    ? {
        ...head(what.type, app, since),
        at: at.toISOString(),
        data: { ...data, reason: what.reason },
      }
    : { ...head(what.type, app, since), at: at.toISOString(), data };
}

export function endpointDisabledEvent(
  endpoint: Endpoint,
  reason: DisabledReason,
  at: Date,
): RaisedEvent {
  return {
    ...head('webhook_endpoint.disabled', endpoint, at),
    data: { webhook_id: endpoint.id, reason },
  };
}

/** Sent to one endpoint, whatever it asks for. */
export function testEvent(endpoint: Endpoint, at: Date): RaisedEvent {
  return { ...head('webhook.test', endpoint, at), data: { webhook_id: endpoint.id } };
}

function head<T extends keyof EventData>(
  type: T,
  subject: { id: string; organisation: string | null },
  at: Date,
): Omit<EventOf<T>, 'data'> {
  return {
    id: `evt_${`${subject.id}_${type}`.replaceAll(/[^\w-]/g, '_')}_${at.getTime()}`,
    type,
    organisation: subject.organisation,
    at: at.toISOString(),
  };
}

function accountData({ id, label, provider, environment }: Announced): AccountData {
  return { account_id: id, label, provider, environment };
}
