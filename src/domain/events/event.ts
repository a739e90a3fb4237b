/**
 * Events: changes of an account, an OAuth app or a webhook endpoint, for other systems. An event holds ids, types and
 * times, never a token or anything derived from one.
 */
import { type Account, AccountState } from '../account/account';
import type { ConnectFailure, ConnectSession } from '../connect/connect-session';
import type { RevocationResult } from '../connect/disconnection';

/** Event types that a webhook endpoint can subscribe to. */
export const EVENT_TYPES = [
  'account.needs_reconnect',
  'account.recovered',
  'refresh_token.expiring',
  'token.refreshed',
  'app.incident',
  'app.recovered',
  'webhook_endpoint.disabled',
  'account.connected',
  'account.reconnected',
  'connect.failed',
  'account.disconnected',
] as const;
export type EventType = (typeof EVENT_TYPES)[number];

/** The default subscription: state changes. `token.refreshed` is frequent, so an endpoint must request it. */
export const STATE_EVENT_TYPES = EVENT_TYPES.filter((type) => type !== 'token.refreshed');

interface AccountData {
  account_id: string;
  label: string;
  provider: string;
  environment: string;
}

interface ConnectData {
  connect_session_id: string;
  /** Requested scopes that were not granted, separated by spaces; `null`: none. */
  missing_scopes: string | null;
}

/** An OAuth app is one environment of a provider. The accounts of all organisations share it. */
interface AppData {
  provider: string;
  environment: string;
  /** ISO time at which the incident began. */
  since: string;
}

/** The data of each event type, in members as receivers see them. Times are ISO 8601 UTC. */
export interface EventData {
  'account.needs_reconnect': AccountData & {
    status: 'needs_reconnect' | 'inactive';
    /** A failure code such as `invalid_grant` or `row_corrupt`. */
    reason: string;
  };
  'account.recovered': AccountData & { reason: 'refreshed' | 'reconnected' | 'validated' };
  'refresh_token.expiring': AccountData & { expires_at: string; days_left: number };
  'token.refreshed': AccountData & { expires_at: string | null };
  /** `reason`: a failure code of the app (`invalid_client`, …) or of the whole provider (`provider_unavailable`, …). */
  'app.incident': AppData & {
    reason: string;
    /** The provider's words, masked. `null` until more than one account received them. */
    detail: string | null;
  };
  'app.recovered': AppData;
  'account.connected': AccountData & ConnectData;
  'account.reconnected': AccountData & ConnectData;
  'connect.failed': {
    connect_session_id: string;
    /** The account of a reconnect; `null` if a new account was to be connected. */
    account_id: string | null;
    label: string | null;
    provider: string;
    environment: string;
    reason: ConnectFailure;
  };
  /** The result per token of the current grant; `null`: there was no such token. */
  'account.disconnected': AccountData & {
    refresh_token_result: RevocationResult | null;
    access_token_result: RevocationResult | null;
  };
  'webhook_endpoint.disabled': { webhook_id: string; reason: DisabledReason };
  'webhook.test': { webhook_id: string };
}

/** Why Evergrant disabled an endpoint: it answered 410, or accepted nothing for days. */
export type DisabledReason = 'gone' | 'no_success';

type EventOf<T extends keyof EventData> = {
  /** Deterministic, so that a repeated step raises one event. Has no full stops, which signatures use as separators. */
  id: string;
  type: T;
  /** `null`: the event concerns all organisations. */
  organisation: string | null;
  /** ISO time. */
  at: string;
  data: EventData[T];
};
export type RaisedEvent = { [T in keyof EventData]: EventOf<T> }[keyof EventData];

/**
 * Returns the text that is signed and sent.
 * @see [Standard Webhooks, payload
 * structure](https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md)
 */
export function eventPayload(
  { type, at, data }: RaisedEvent,
  more: Readonly<Record<string, string>> = {},
): string {
  return JSON.stringify({ type, timestamp: at, data: { ...data, ...more } });
}

type Announced = Pick<Account, 'id' | 'organisation' | 'label' | 'provider' | 'environment'>;
type Endpoint = { id: string; organisation: string };

/** The account cannot be refreshed any more until its owner acts. */
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

/** Whether an account in this state needs action by its owner, or approval by its provider. */
export function isBroken(state: AccountState): boolean {
  return state === AccountState.needsReconnect || state === AccountState.inactive;
}

/** An account that needed a reconnect works again. */
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
 * An OAuth app is refused, its provider fails for all accounts, or it works again. The event id depends on `since`, so
 * raising an event repeatedly delivers one event for the begin and one for the end of an incident.
 * @param app `since`: when the incident began; the same in both events
 */
export function appEvent(
  {
    provider,
    environment,
    since,
    at,
  }: { provider: string; environment: string; since: Date; at: Date },
  what: { type: 'app.incident'; reason: string; detail: string | null } | { type: 'app.recovered' },
): RaisedEvent {
  const app = { id: `app_${provider}_${environment}`, organisation: null };
  const data = { provider, environment, since: since.toISOString() };
  return what.type === 'app.incident'
    ? {
        ...head(what.type, app, since),
        at: at.toISOString(),
        data: { ...data, reason: what.reason, detail: what.detail },
      }
    : { ...head(what.type, app, since), at: at.toISOString(), data };
}

/** A consent at the provider connected or reconnected the account. */
export function connectedEvent(
  type: 'account.connected' | 'account.reconnected',
  account: Announced,
  { sessionId, missingScopes, at }: { sessionId: string; missingScopes: string[]; at: Date },
): RaisedEvent {
  const data = {
    ...accountData(account),
    connect_session_id: sessionId,
    missing_scopes: missingScopes.length === 0 ? null : missingScopes.join(' '),
  };
  return type === 'account.connected'
    ? { ...head(type, account, at), data }
    : { ...head(type, account, at), data };
}

/** A connect session ended without an account. */
export function connectFailedEvent(
  session: Pick<
    ConnectSession,
    'id' | 'organisation' | 'accountId' | 'isReconnect' | 'label' | 'provider' | 'environment'
  >,
  reason: ConnectFailure,
  at: Date,
): RaisedEvent {
  return {
    ...head('connect.failed', session, at),
    data: {
      connect_session_id: session.id,
      account_id: session.isReconnect ? session.accountId : null,
      label: session.label,
      provider: session.provider,
      environment: session.environment,
      reason,
    },
  };
}

/** The account's tokens were revoked, as far as the provider could, and deleted. */
export function disconnectedEvent(
  account: Announced,
  results: { refreshToken: RevocationResult | null; accessToken: RevocationResult | null },
  at: Date,
): RaisedEvent {
  return {
    ...head('account.disconnected', account, at),
    data: {
      ...accountData(account),
      refresh_token_result: results.refreshToken,
      access_token_result: results.accessToken,
    },
  };
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

/** Sent to one endpoint, independent of its subscription. */
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
