/** The checks of a received consent before anything is stored; pure functions. */
import type { ConnectFailure, ConnectSession, Subject } from './connect-session';

/** Scopes of OpenID Connect, which many servers leave out of the granted scopes. */
const RARELY_NAMED: ReadonlySet<string> = new Set(['openid', 'offline_access', 'profile', 'email']);

export interface ReceivedConsent {
  /** Granted scopes; `null`: the response names none, so they are as requested (RFC 6749 §5.1). */
  scopes: readonly string[] | null;
  hasRefreshToken: boolean;
  /** `null`: the provider did not say who consented. */
  subject: Subject | null;
}

/** The expectations that the provider's entry states for its consents. */
export interface ConsentExpectations {
  requestedScopes: readonly string[];
  refreshTokenExpected: boolean;
  subjectExpected: boolean;
}

type Checked = Pick<ConnectSession, 'requiredScopes' | 'expectedSubject' | 'allowSubjectChange'>;

/**
 * @param accountSubject the digest of the subject that the account belongs to; `null`: unknown, or a new account
 * @returns the first problem, or the missing scopes that the session requested and does not require
 */
export function checkConsent(
  session: Checked,
  { scopes, hasRefreshToken, subject }: ReceivedConsent,
  expected: ConsentExpectations,
  accountSubject: string | null,
): { failure: ConnectFailure; detail: string | null } | { missingScopes: string[] } {
  const required = missing(session.requiredScopes, scopes);
  if (required.length > 0) return { failure: 'missing_scopes', detail: required.join(' ') };
  if (expected.refreshTokenExpected && !hasRefreshToken)
    return { failure: 'no_refresh_token', detail: null };
  if (expected.subjectExpected && subject === null)
    return { failure: 'unknown_subject', detail: null };
  if (isOther(session, subject, accountSubject))
    return { failure: 'different_subject', detail: subject?.label ?? null };
  const requested = expected.requestedScopes.filter((scope) => !RARELY_NAMED.has(scope));
  return { missingScopes: missing(requested, scopes) };
}

/** Whether the subject that consented differs from the account's or the expected subject. */
export function isOther(
  { expectedSubject, allowSubjectChange }: Omit<Checked, 'requiredScopes'>,
  subject: Subject | null,
  accountSubject: string | null,
): boolean {
  if (subject === null) return expectedSubject !== null;
  if (expectedSubject !== null && subject.digest !== expectedSubject) return true;
  return accountSubject !== null && subject.digest !== accountSubject && !allowSubjectChange;
}

function missing(wanted: readonly string[], granted: readonly string[] | null): string[] {
  return granted === null ? [] : wanted.filter((scope) => !granted.includes(scope));
}
