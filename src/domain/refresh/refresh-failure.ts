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
      'The provider no longer accepts the refresh token: it was revoked, replaced or has expired. The owner must connect the account again.',
  },
  replay_refused: {
    class: 'account',
    message:
      'The provider refused the refresh token when it was sent again; the lost answer had most likely replaced it. The owner must reconnect the account.',
  },
  refresh_token_missing: {
    class: 'account',
    message: 'No refresh token is stored for this account. The owner must connect it again.',
  },
  row_corrupt: {
    class: 'account',
    message:
      'The stored token is damaged and cannot be opened. The owner must connect the account again.',
  },
  row_not_sealed: {
    class: 'account',
    message:
      'The stored token is not encrypted in a form Evergrant accepts (a legacy row?). The owner must connect the account again.',
  },
  ciphertext_not_sent: {
    class: 'account',
    message:
      'What was stored as a token is itself ciphertext (ENC:…), encrypted twice or by another system. It was not sent. The owner must connect the account again.',
  },
  account_address_invalid: {
    class: 'account',
    message:
      'The account’s external id names no host of this provider, so there is nowhere to send its token. Connect the account again with the right external id.',
  },
  access_token_refused: {
    class: 'account',
    message:
      'The provider no longer accepts the access token: the app was removed or its access withdrawn. The owner must connect the account again.',
  },
  stale_restore: {
    class: 'account',
    message:
      'The database was restored from a backup, and this account’s refresh token was replaced after that backup; it is not sent, because the provider could revoke the whole grant for it. Restore a newer backup, or have the owner connect the account again.',
  },
  invalid_client: {
    class: 'app',
    message:
      'The provider does not accept our client id and secret. Check the credentials of this OAuth app; no account was changed.',
  },
  unauthorized_client: {
    class: 'app',
    message:
      'The provider does not allow this OAuth app to refresh tokens. Check its settings at the provider; no account was changed.',
  },
  invalid_scope: {
    class: 'app',
    message:
      'The provider refuses the scopes this OAuth app asks for. Check the configured scopes; no account was changed.',
  },
  unsupported_grant_type: {
    class: 'app',
    message:
      'The provider does not support refreshing at this address. Check the configured token endpoint; no account was changed.',
  },
  invalid_request: {
    class: 'app',
    message:
      'The provider calls our request malformed. Check the configured token endpoint and adapter; no account was changed.',
  },
  unrecognized_error: {
    class: 'provider',
    message:
      'The provider refused this request with an error that Evergrant does not know; its words stand in the detail. The account is retried. If the words are about the grant or the OAuth app, name them in errorCodes of providers.yaml.',
  },
  too_early: {
    class: 'rate',
    message:
      'The provider does not refresh while the access token still lives. The account is tried again shortly before that token expires.',
  },
  rate_limited: {
    class: 'rate',
    message: 'The provider asks us to slow down. It is tried again when the provider allows.',
  },
  provider_unavailable: {
    class: 'provider',
    message: 'The provider answered with an error of its own. It is tried again.',
  },
  provider_unreachable: {
    class: 'provider',
    message:
      'The provider could not be reached (name, network or TLS); nothing was sent. It is tried again.',
  },
  answer_lost: {
    class: 'provider',
    message:
      'The request was sent, but no answer came back. Whether the provider acted on it is not known.',
  },
  worker_lost: {
    class: 'provider',
    message:
      'The worker stopped after it had sent the request, before it had stored the answer. Whether the provider acted on it is not known.',
  },
  invalid_token_response: {
    class: 'provider',
    message: 'The provider answered with something that is not a token response.',
  },
  validation_unanswered: {
    class: 'provider',
    message: 'No answer came to the question whether the access token works. Nothing was changed.',
  },
  validation_inconclusive: {
    class: 'ours',
    message:
      'The provider refused the question itself (a missing scope, another API, the app’s key), so whether the access token works is not known. See docs/providers.md, or configure another validationEndpoint.',
  },
  validation_not_allowed: {
    class: 'ours',
    message:
      'The provider does not let this OAuth app ask about access tokens (introspection), so whether they work is not known. Configure a validationEndpoint in providers.yaml, or set validateEvery: never. It is asked again after a day.',
  },
  validation_not_supported: {
    class: 'ours',
    message:
      'Nothing is known by which this provider could be asked whether an access token works. Configure a validationEndpoint or introspectionEndpoint in providers.yaml.',
  },
  attempt_interrupted: {
    class: 'ours',
    message: 'The worker stopped before it had sent the request. It is tried again.',
  },
  key_mismatch: {
    class: 'ours',
    message:
      'The encryption key does not match the one this account was sealed with (key mismatch). Put the right key into ENCRYPTION_KEYS; nothing was sent to the provider.',
  },
  key_missing: {
    class: 'ours',
    message:
      'The encryption key this account was sealed with is not in ENCRYPTION_KEYS. Add it; nothing was sent to the provider.',
  },
  provider_not_configured: {
    class: 'ours',
    message:
      'No such provider or environment is configured. Add it to providers.yaml; nothing was sent.',
  },
  database_unavailable: {
    class: 'ours',
    message:
      'The database could not be written; nothing was sent to the provider. It is tried again.',
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
    message: `The provider refused this account more than once (${failure.code}) and served other accounts of the same OAuth app in between, so it refuses this grant and not the app. The owner must connect the account again.`,
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
