/** Example bodies that several routes share: one account and its history. */

const ACCOUNT_ID = 'acc_4b6f0c2d9e8a7b6c5d4e3f2a';
const RUN_ID = '019aad5e-1f0c-7a53-9d6e-2b1c5f0e8a47';
const LOG_ENTRY_ID = `${RUN_ID}-1`;
const SCOPES = ['https://api.ebay.com/oauth/api_scope/sell.inventory'];

export const ACCOUNT_EXAMPLE = {
  id: ACCOUNT_ID,
  organisation: 'acme',
  provider: 'ebay',
  environment: 'production',
  external_id: 'harbour-books',
  label: 'Harbour Books',
  kind: null,
  grant: 'refresh_token' as const,
  own_client: false,
  owner_email: 'o***@example.com',
  status: 'ok' as const,
  status_reason: null,
  status_at: '2026-11-22T18:30:05.112Z',
  quarantine: false,
  due: {
    due: false,
    reason: 'fresh',
    explanation:
      'Not due yet. Its access token expires at 2026-11-22 20:30:05 UTC. It is refreshed from 15 min before that, at 2026-11-22 20:15:05 UTC.',
  },
  due_at: '2026-11-22T19:30:05.112Z',
  policy: { refresh_before: '30m' },
  generation: 12,
  scopes: SCOPES,
  expires_at: '2026-11-22T20:30:05.112Z',
  refresh_token_expires_at: '2028-05-22T10:00:00.000Z',
  access_token_fingerprint: 'q7XwN0eTzK4c',
  refresh_token_fingerprint: 'Lm2d8sYb1R9a',
  fallback: null,
  candidate: null,
  replaced: null,
  last_reconnect: null,
  last_refreshed_at: '2026-11-22T18:30:05.112Z',
  last_attempt: {
    log_entry_id: LOG_ENTRY_ID,
    outcome: 'refreshed' as const,
    source: 'scheduled' as const,
    finished_at: '2026-11-22T18:30:05.112Z',
  },
  last_validation: null,
  last_error: null,
  failed_attempts: 0,
  next_attempt_at: null,
  created_at: '2026-11-01T09:12:44.020Z',
  updated_at: '2026-11-22T18:30:05.112Z',
};

export const OUTCOME_EXAMPLE = {
  account_id: ACCOUNT_ID,
  outcome: 'refreshed' as const,
  reason: 'access_token_expiring',
  message: null,
  exchange: 'ok' as const,
  failure: null,
  generation: 12,
  expires_at: '2026-11-22T20:30:05.112Z',
  log_entry_id: LOG_ENTRY_ID,
  workflow_id: `refresh-account/${ACCOUNT_ID}`,
};

export const VALIDATION_EXAMPLE = {
  account_id: ACCOUNT_ID,
  outcome: 'valid' as const,
  reason: 'valid',
  message: null,
  failure: null,
  log_entry_id: LOG_ENTRY_ID,
  refresh: null,
  workflow_id: `validate-account/${ACCOUNT_ID}`,
};

export const LOG_ENTRY_EXAMPLE = {
  id: LOG_ENTRY_ID,
  created_at: '2026-11-22T18:30:05.112Z',
  organisation: 'acme',
  environment: 'production',
  provider: 'ebay',
  account_id: ACCOUNT_ID,
  account_label: 'Harbour Books',
  action: 'token_refreshed' as const,
  source: 'scheduled' as const,
  outcome: 'ok' as const,
  request: {
    method: 'POST',
    url: 'https://api.ebay.com/identity/v1/oauth2/token',
    refresh_token: 'v^1.1#… (96 characters)',
  },
  response: { status: 200, duration_ms: 412 },
  error: null,
  diagnostics: {
    caller: 'sweep/ebay',
    input_prefix: 'ENC:v1:k1:…',
    decrypted_prefix: 'v^1.1#… (96 characters)',
    final_prefix: 'v^1.1#… (96 characters)',
    refresh_token_fingerprint: 'Lm2d8sYb1R9a',
    warnings: [],
  },
  generation: 12,
  workflow_id: `refresh-account/${ACCOUNT_ID}`,
  run_id: RUN_ID,
  trace_id: null,
  message: 'Refreshed: the new access token is valid until 2026-11-22 20:30:05 UTC.',
};
