/**
 * A connect session: one link with which the owner of an account gives consent once. Types, statuses and transitions;
 * pure.
 */
import type { SealedGrant } from '../account/grant';

/** How long, in ms, a link is valid if its creator states nothing, at least and at most. */
export const LINK_LIFE_MS = { default: 30 * 60_000, min: 10 * 60_000, max: 7 * 24 * 3600_000 };

/** How long, in ms, the person may take at the provider after the button of the consent page. */
export const LEG_LIFE_MS = 10 * 60_000;

/** How long, in ms, an application may take to finish a session of mode `app`. Later, the grant is revoked. */
export const FINISH_WITHIN_MS = 10 * 60_000;

/** An exchange older than this, in ms, lost its process or its response: the session counts as failed. */
export const EXCHANGE_MAX_MS = 2 * 60_000;

export const CONNECT_STATUSES = [
  'created',
  'opened',
  'at_provider',
  'exchanging',
  'awaiting_finish',
  'connected',
  'refused',
  'failed',
  'expired',
  'revoked',
] as const;
export type ConnectStatus = (typeof CONNECT_STATUSES)[number];

/** Why a session did not connect an account. */
export const CONNECT_FAILURES = [
  /** The person declined at the provider. The link stays usable. */
  'access_denied',
  /** The provider reported a temporary error. The link stays usable. */
  'provider_unavailable',
  /** The provider refused the request or the code. */
  'provider_refused',
  /** The OAuth app is misconfigured at the provider, such as its secret or its redirect URI. */
  'app_refused',
  /** The code was sent and no usable response arrived. The person must start again. */
  'answer_lost',
  /** `iss` is missing or wrong (RFC 9207). */
  'wrong_issuer',
  /** The callback came from another browser than the one that started. */
  'other_browser',
  /** Required scopes were not granted. */
  'missing_scopes',
  /** The provider returned no refresh token. */
  'no_refresh_token',
  /** Another person or shop consented than the account belongs to. */
  'different_subject',
  /** Another account of the organisation already holds this subject. */
  'already_connected',
  /** The provider did not say who consented, or its statement is not valid. */
  'unknown_subject',
  /** The application did not finish in time, or its verifier was wrong. */
  'not_finished',
  /** The account was being disconnected when the person consented. */
  'disconnected',
  /** Neither MongoDB nor Temporal took the grant. */
  'not_stored',
] as const;
export type ConnectFailure = (typeof CONNECT_FAILURES)[number];

type ConnectMode = 'link' | 'app';

export interface ConnectSession {
  /** `ccs_…` */
  id: string;
  organisation: string;
  provider: string;
  environment: string;
  /** The existing account of a reconnect, or the id that the new account will have. */
  accountId: string;
  isReconnect: boolean;
  externalId: string | null;
  label: string | null;
  kind: string | null;
  /** Requested scopes; `null`: the provider entry's default. */
  scopes: string[] | null;
  requiredScopes: string[];
  /** Values such as the shop or the tenant, by the names of the provider's inputs. */
  inputs: Record<string, string>;
  /** Keyed digest of the subject that must consent; `null`: any. */
  expectedSubject: string | null;
  allowSubjectChange: boolean;
  mode: ConnectMode;
  /** SHA-256 challenge (base64url) of the application's verifier; mode `app` only. */
  challenge: string | null;
  returnUrl: string | null;
  createdBy: string;
  createdAt: Date;
  expiresAt: Date;
  status: ConnectStatus;
  statusAt: Date;
  failure: { code: ConnectFailure; detail: string | null; at: Date } | null;
  /** The account that already holds the subject (`already_connected`). */
  otherAccountId: string | null;
  leg: ConnectLeg | null;
  /** The consent that waits for the application; mode `app` only. */
  pending: SealedConsent | null;
}

/** The person, shop or company that consented. */
export interface Subject {
  /** Keyed digest of organisation, provider, environment and subject. */
  digest: string;
  /** For people, masked. */
  label: string | null;
}

/** A consent that passed its checks: the encrypted grant, and whose it is. */
export interface SealedConsent {
  grant: SealedGrant;
  /** `null`: this provider does not say who consented. */
  subject: Subject | null;
  /** Requested scopes that were not granted. */
  missingScopes: string[];
}

/** One visit to the provider: from the button of the consent page to the callback. */
export interface ConnectLeg {
  /** SHA-256, hex. */
  stateDigest: string;
  /** SHA-256, hex, of the cookie's value. */
  browserDigest: string;
  /** The PKCE verifier, encrypted; `null`: the provider refuses PKCE. */
  sealedVerifier: string | null;
  redirectUri: string;
  /** The values that the person entered on the consent page. */
  inputs: Record<string, string>;
  startedAt: Date;
  expiresAt: Date;
}

/** The status at a given time: a link, leg or exchange may have expired since it was stored. */
export function statusAt(session: ConnectSession, now: Date): ConnectStatus {
  const { status } = session;
  if (status === 'exchanging')
    return now.getTime() - session.statusAt.getTime() > EXCHANGE_MAX_MS ? 'failed' : status;
  if (status === 'awaiting_finish')
    return now.getTime() - session.statusAt.getTime() > FINISH_WITHIN_MS ? 'failed' : status;
  if (status === 'created' || status === 'opened' || status === 'at_provider')
    return session.expiresAt <= now ? 'expired' : status;
  return status;
}

/** After these failures the person may try again with the same link: no consent was given with it. */
const LINK_STAYS_USABLE: ReadonlySet<ConnectFailure> = new Set<ConnectFailure>([
  'access_denied',
  'provider_unavailable',
  'other_browser',
]);

/** Failures that are decided after the person consented. */
const REFUSALS: ReadonlySet<ConnectFailure> = new Set<ConnectFailure>([
  'missing_scopes',
  'no_refresh_token',
  'different_subject',
  'already_connected',
  'unknown_subject',
]);

/** The status after a leg failed. */
export function afterFailure(code: ConnectFailure): 'opened' | 'refused' | 'failed' {
  if (LINK_STAYS_USABLE.has(code)) return 'opened';
  return REFUSALS.has(code) ? 'refused' : 'failed';
}

/** Why the session has not connected an account, including what follows from the time alone. */
export function failureAt(
  session: ConnectSession,
  now: Date,
): { code: ConnectFailure; detail: string | null } | null {
  if (statusAt(session, now) === session.status) return session.failure;
  if (session.status === 'exchanging') return { code: 'answer_lost', detail: null };
  if (session.status === 'awaiting_finish') return { code: 'not_finished', detail: null };
  return session.failure;
}

/** Whether the consent page may start a leg: the link is valid, and no consent was given with it. */
export function canStart(session: ConnectSession, now: Date): boolean {
  return ['created', 'opened', 'at_provider'].includes(statusAt(session, now));
}
