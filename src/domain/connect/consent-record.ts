/**
 * A checked consent on its way into MongoDB. It contains an encrypted grant, digests and ids only, because Temporal
 * keeps it while MongoDB is unreachable.
 */
import type { LogEntry, MaskedResponse } from '../logs/log-entry';
import type { ConnectFailure, ConnectSession, SealedConsent } from './connect-session';

export interface ConsentRecord extends SealedConsent {
  sessionId: string;
  organisation: string;
  accountId: string;
  isReconnect: boolean;
  expectedSubject: string | null;
  allowSubjectChange: boolean;
  provider: string;
  environment: string;
  externalId: string;
  label: string;
  kind: string | null;
  /** As {@link NewAccount.enteredRefreshToken}. */
  enteredRefreshToken: string | null;
  /** The consent waits for the application instead of being stored on the account. */
  waitsForFinish: boolean;
  createdBy: string;
  /** ISO time of the token response. */
  at: string;
  response: MaskedResponse | null;
  warnings: string[];
}

/** The id of the log entry: one per leg, so that a repeated step writes one entry. */
export function connectEntryId(sessionId: string, at: Date): string {
  return `${sessionId}-${at.getTime()}`;
}

type Named = Pick<
  ConnectSession,
  'organisation' | 'provider' | 'environment' | 'accountId' | 'label' | 'createdBy'
>;

interface EntryInput {
  id: string;
  at: Date;
  response: MaskedResponse | null;
  warnings: readonly string[];
}

/** The log entry of a connected or reconnected account. */
export function connectedEntry(
  record: Named &
    Pick<
      ConsentRecord,
      'sessionId' | 'isReconnect' | 'missingScopes' | 'at' | 'response' | 'warnings'
    >,
  generation: number,
): LogEntry {
  const at = new Date(record.at);
  const { missingScopes } = record;
  const lacks =
    missingScopes.length === 0 ? '' : ` These scopes were not granted: ${missingScopes.join(' ')}.`;
  return {
    ...entry(record, {
      id: connectEntryId(record.sessionId, at),
      at,
      response: record.response,
      warnings: record.warnings,
    }),
    action: record.isReconnect ? 'account_reconnected' : 'account_connected',
    outcome: 'ok',
    generation,
    message: `${record.isReconnect ? 'The account was reconnected' : 'The account was connected'} by a consent at the provider.${lacks}`,
  };
}

/** The log entry of a leg that connected no account. */
export function connectFailedEntry(
  session: Named,
  failure: { code: ConnectFailure; detail: string | null },
  input: EntryInput,
): LogEntry {
  const detail = failure.detail === null ? '' : ` (${failure.detail})`;
  return {
    ...entry(session, input),
    action: 'connect_failed',
    outcome: input.response === null ? null : 'rejected',
    message: `${FAILURE_SENTENCES[failure.code]}${detail} [${failure.code}]`,
  };
}

function entry(named: Named, { id, at, response, warnings }: EntryInput): LogEntry {
  return {
    id,
    created_at: at.toISOString(),
    organisation: named.organisation,
    environment: named.environment,
    provider: named.provider,
    account_id: named.accountId,
    account_label: named.label,
    action: 'connect_failed',
    source: 'connect',
    outcome: null,
    request: null,
    response,
    error: null,
    diagnostics: {
      caller: named.createdBy,
      input_prefix: '',
      decrypted_prefix: null,
      final_prefix: null,
      refresh_token_fingerprint: null,
      warnings: [...warnings],
    },
    generation: null,
    workflow_id: null,
    run_id: null,
    message: '',
  };
}

/** Each failure and the next step, in sentences for an administrator. */
export const FAILURE_SENTENCES: Readonly<Record<ConnectFailure, string>> = {
  access_denied: 'The person declined at the provider. The link can be used again.',
  provider_unavailable:
    'The provider reported a temporary error. The link can be used again in a few minutes.',
  provider_refused:
    'The provider refused the request or its code. Create a new link; if it fails again, compare the scopes with those of the OAuth app.',
  app_refused:
    'The provider refused the OAuth app. Compare its client id, secret and redirect URI with the registration at the provider.',
  answer_lost:
    'The code was sent, and no usable response arrived. Create a new link, so that the person can start again.',
  wrong_issuer:
    'The response came from another issuer than the configured one, so the code was not sent. Check the issuer in providers.yaml.',
  other_browser:
    'The response came from another browser than the one that opened the link. The person must open the link again and stay in that browser.',
  missing_scopes:
    'The person did not grant all required scopes, so nothing was stored. Create a new link.',
  no_refresh_token:
    'The provider returned no refresh token, so nothing was stored. Check the parameters of the consent in providers.yaml, then create a new link.',
  different_subject:
    'Another person or shop consented than the account belongs to, so nothing was stored. Create a new link, or allow the change with allow_subject_change.',
  already_connected:
    'Another account of the organisation already holds this grant, so nothing was stored. Reconnect that account instead.',
  unknown_subject:
    'The provider did not say who consented, or its statement is not valid, so nothing was stored.',
  not_finished:
    'The application did not finish the session in time, or with another code_verifier, so the grant was dropped.',
  disconnected:
    'The account was being disconnected when the person consented, so nothing was stored. Create a new link when the disconnection has finished.',
  not_stored:
    'Neither MongoDB nor Temporal accepted the grant. Create a new link when both are reachable.',
};
