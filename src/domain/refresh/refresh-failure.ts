/**
 * Failures of a refresh: their class, which says what a failure affects, and their message. One table assigns the
 * class, so that a wrong client secret cannot disable ten thousand accounts.
 */

/** The part of the system that a failure affects. */
export const FailureClass = {
  account: 'account',
  app: 'app',
  provider: 'provider',
  rate: 'rate',
  ours: 'ours',
} as const;
export type FailureClass = (typeof FailureClass)[keyof typeof FailureClass];

/**
 * The error codes of RFC 6749 and Evergrant's own.
 * @see [RFC 6749 §5.2](https://www.rfc-editor.org/rfc/rfc6749#section-5.2)
 */
const FAILURES = {
  invalid_grant: {
    class: 'account',
    message:
      'The provider no longer accepts the refresh token: it was revoked, replaced or has expired. The owner must reconnect the account.',
  },
  replay_refused: {
    class: 'account',
    message:
      'The provider refused the refresh token when Evergrant sent it a second time: the lost response most likely contained a new one. The owner must reconnect the account.',
  },
  refresh_token_missing: {
    class: 'account',
    message: 'No refresh token is stored for this account. The owner must reconnect the account.',
  },
  row_corrupt: {
    class: 'account',
    message:
      'The stored token is damaged and cannot be decrypted. The owner must reconnect the account.',
  },
  row_not_sealed: {
    class: 'account',
    message:
      'The stored token is not encrypted in a form that Evergrant accepts. Another system may have written it. The owner must reconnect the account.',
  },
  ciphertext_not_sent: {
    class: 'account',
    message:
      'The stored token is itself ciphertext (ENC:…): it was encrypted twice, or by another system. Evergrant did not send it. The owner must reconnect the account.',
  },
  account_address_invalid: {
    class: 'account',
    message:
      'The external id of the account is not a host of this provider, so Evergrant cannot send its token. Create the account with the right external id.',
  },
  access_token_refused: {
    class: 'account',
    message:
      'The provider no longer accepts the access token: the app was removed, or its access was withdrawn. The owner must reconnect the account.',
  },
  stale_restore: {
    class: 'account',
    message:
      'MongoDB was restored from a backup that is older than the account’s newest refresh token. Evergrant does not send the older token, because the provider could revoke the whole grant. Restore a newer backup, or ask the owner to reconnect the account.',
  },
  invalid_client: {
    class: 'app',
    message:
      'The provider does not accept the credentials of this OAuth app. No account was changed. Check its client id and secret or key in providers.yaml.',
  },
  unauthorized_client: {
    class: 'app',
    message:
      'The provider does not allow this OAuth app to refresh tokens. No account was changed. Check the settings of the app at the provider.',
  },
  invalid_scope: {
    class: 'app',
    message:
      'The provider refuses the scopes that this OAuth app requests. No account was changed. Check the scopes in providers.yaml.',
  },
  unsupported_grant_type: {
    class: 'app',
    message:
      'The token endpoint does not support refreshing. No account was changed. Check the token endpoint in providers.yaml.',
  },
  invalid_request: {
    class: 'app',
    message:
      'The provider rejected the request as malformed. No account was changed. Check the token endpoint and the adapter in providers.yaml.',
  },
  unrecognized_error: {
    class: 'provider',
    message:
      'The provider refused the request with an error that Evergrant does not know; the detail quotes it. Evergrant retries. If the error concerns the grant or the OAuth app, add it to errorCodes in providers.yaml.',
  },
  too_early: {
    class: 'rate',
    message:
      'The provider does not refresh while the access token is valid. Evergrant retries shortly before the access token expires.',
  },
  rate_limited: {
    class: 'rate',
    message:
      'The provider asked Evergrant to send fewer requests. Evergrant retries when the provider allows it.',
  },
  provider_unavailable: {
    class: 'provider',
    message: 'The provider answered with a server error. Evergrant retries.',
  },
  provider_unreachable: {
    class: 'provider',
    message:
      'The provider is unreachable (DNS, network or TLS). Nothing was sent. Evergrant retries.',
  },
  answer_lost: {
    class: 'provider',
    message:
      'The request was sent, but no response arrived, so it is unknown whether the provider used the refresh token. Evergrant sends it once more when the replay rule of the provider allows it.',
  },
  worker_lost: {
    class: 'provider',
    message:
      'The worker stopped after it sent the request and before it stored the response, so it is unknown whether the provider used the refresh token. Evergrant sends it once more when the replay rule of the provider allows it.',
  },
  invalid_token_response: {
    class: 'provider',
    message:
      'The response of the provider is not a token response. If this repeats, check the token endpoint in providers.yaml.',
  },
  validation_unanswered: {
    class: 'provider',
    message: 'The provider did not answer the validation of the access token. Nothing was changed.',
  },
  validation_inconclusive: {
    class: 'ours',
    message:
      'The provider refused the validation request itself (a missing scope, another API, or the app’s key), so it is unknown whether the access token works. See docs/providers.md, or configure another validationEndpoint.',
  },
  validation_not_allowed: {
    class: 'ours',
    message:
      'The provider does not allow this OAuth app to introspect access tokens, so it is unknown whether they work. Configure a validationEndpoint in providers.yaml, or set validateEvery: never. Evergrant retries after one day.',
  },
  validation_not_supported: {
    class: 'ours',
    message:
      'No validation request is known for this provider, so its access tokens cannot be validated. Configure a validationEndpoint or introspectionEndpoint in providers.yaml.',
  },
  attempt_interrupted: {
    class: 'ours',
    message: 'The worker stopped before it sent the request. Evergrant retries.',
  },
  request_not_built: {
    class: 'ours',
    message:
      'Evergrant could not build the request, so nothing was sent. Check the settings of the OAuth app and the provider file, and the credentials of the account if it has its own. If they are right, report the detail as a fault of Evergrant.',
  },
  key_mismatch: {
    class: 'ours',
    message:
      'The encryption key does not match the one that encrypted this account (key mismatch). Nothing was sent to the provider. Put the right key into ENCRYPTION_KEYS.',
  },
  key_missing: {
    class: 'ours',
    message:
      'The encryption key of this account is missing from ENCRYPTION_KEYS. Nothing was sent to the provider. Add the key.',
  },
  provider_not_configured: {
    class: 'ours',
    message:
      'The provider or environment of this account is not configured. Nothing was sent. Add it to providers.yaml.',
  },
  database_unavailable: {
    class: 'ours',
    message:
      'MongoDB did not accept a write, so nothing was sent to the provider. Evergrant retries.',
  },
} as const satisfies Record<string, { class: FailureClass; message: string }>;

/** Whether the provider refused the grant itself, and not the request. */
export function isGrantRefused({
  class: failureClass,
  code,
}: Pick<RefreshFailure, 'class' | 'code'>): boolean {
  const isSaid = PROVIDER_ERRORS.some((known) => known === code) || code === 'replay_refused';
  return isSaid && failureClass === FailureClass.account;
}

export type RefreshFailureCode = keyof typeof FAILURES;

export const FAILURE_CODES: readonly string[] = Object.keys(FAILURES).toSorted();

export interface RefreshFailure {
  class: FailureClass;
  code: RefreshFailureCode;
  /** Tells people what is wrong and what to do. Contains no secret. */
  message: string;
  /** HTTP status, if there was a response. */
  status?: number;
  /** The provider's words, masked. */
  detail?: string;
  /** How long the provider asked to wait. */
  retryAfterMs?: number;
}

/** Builds a failure from its code. The table supplies class and message. */
export function refreshFailure(
  code: RefreshFailureCode,
  extra: Pick<RefreshFailure, 'status' | 'detail' | 'retryAfterMs'> = {},
): RefreshFailure {
  return { class: FAILURES[code].class, code, message: FAILURES[code].message, ...extra };
}

/** Whether the provider refused the app in words that may concern one grant. `invalid_client` never does. */
export function isRefusalOfApp({ class: failureClass, code }: RefreshFailure): boolean {
  return failureClass === FailureClass.app && code !== 'invalid_client';
}

/** Reclassifies a refusal of the app as one of the account, because the app works for other accounts. */
export function refusalOfGrant(failure: RefreshFailure): RefreshFailure {
  return {
    ...failure,
    class: FailureClass.account,
    message: `The provider refused this account more than once (${failure.code}) but served other accounts of the same OAuth app in between, so it refuses this grant and not the app. The owner must reconnect the account.`,
  };
}

/** Codes that a provider may send. The other codes are Evergrant's own, even if a provider sends the same text. */
const PROVIDER_ERRORS = [
  'invalid_grant',
  'invalid_client',
  'unauthorized_client',
  'invalid_scope',
  'unsupported_grant_type',
  'invalid_request',
] as const satisfies RefreshFailureCode[];

/**
 * Maps a provider's `error` to a code of RFC 6749, or returns `undefined` if the standard does not define it.
 * @see [RFC 6749 §4.1.2.1](https://www.rfc-editor.org/rfc/rfc6749#section-4.1.2.1) for the two errors of the server
 */
export function knownProviderErrorCode(error: string): RefreshFailureCode | undefined {
  if (error === 'server_error' || error === 'temporarily_unavailable')
    return 'provider_unavailable';
  return PROVIDER_ERRORS.find((known) => known === error);
}

const RETRY_AFTER_MIN_MS = 1_000;
const RETRY_AFTER_MAX_MS = 3_600_000;
const RETRY_AFTER_DEFAULT_MS = 60_000;

/**
 * Parses `Retry-After` into ms from `now`, clamped to 1 s – 1 h; one minute if absent or unreadable.
 * @see [RFC 9110 §10.2.3](https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3)
 */
export function retryAfterMs(header: string | null, now: Date): number {
  const value = header?.trim() ?? '';
  let waitMs = RETRY_AFTER_DEFAULT_MS;
  // Digits must come first, because `Date.parse('-1')` returns a date.
  if (/^\d+$/.test(value)) waitMs = Number(value) * 1000;
  else if (/[A-Za-z]{3}/.test(value) && !Number.isNaN(Date.parse(value)))
    waitMs = Date.parse(value) - now.getTime();
  return Math.min(Math.max(waitMs, RETRY_AFTER_MIN_MS), RETRY_AFTER_MAX_MS);
}
