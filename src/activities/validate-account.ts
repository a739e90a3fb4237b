/**
 * One validation, step by step: decrypt the access token, ask the provider, log, store the verdict. The same code
 * serves requests and sweeps. A validation uses nothing up, so an interrupted one is simply repeated.
 */
import {
  type Account,
  AccountState,
  isOutOfService,
  type TokenVerdict,
} from '../domain/account/account';
import { type CredentialsGrant, holdsCredentials } from '../domain/account/grant-type';
import {
  type ValidateAccountInput,
  type ValidateAccountResult,
  type ValidationConsequence,
  type ValidationOutcome,
  validationAction,
  validationConsequence,
} from '../domain/account/validation';
import type { LogEntry } from '../domain/logs/log-entry';
import { prefix, storedPrefix } from '../domain/masking/masking';
import type { Secret } from '../domain/masking/secret';
import { failureOfAccount } from '../domain/refresh/credentials-failure';
import { type RefreshFailure, refreshFailure } from '../domain/refresh/refresh-failure';
import { heldBack, limiterOf, requesterOf } from '../limits/account-limits';
import { type GrantCredentials, readCredentials } from '../providers/exchange/grant-credentials';
import { accountAddressOf } from '../providers/exchange/token-endpoint';
import type { Provider, ProviderEnvironment } from '../providers/provider';
import { type Validation, validateAccessToken } from '../providers/validation/token-validation';
import type { AttemptPlace } from '../refresh/claim';
import type { RefreshDependencies } from '../refresh/dependencies';
import { logAttempt } from '../refresh/log-attempt';
import { openAccessToken, openRefreshToken } from '../refresh/seal-grant';
import type { Vault } from '../vault/vault';
import { isOfTheApp, PUT_OFF_MS, putOffValidation } from './validation-put-off';

/** Throws only if MongoDB is unreachable. */
export async function validateAccount(
  deps: RefreshDependencies,
  input: ValidateAccountInput,
  place: AttemptPlace,
): Promise<ValidateAccountResult> {
  const account = await deps.store.grants.read(input.accountId);
  if (account === null) return skipped(input, 'deleted');
  if (isOutOfService(account.state)) return skipped(input, account.state);
  const provider = deps.providers.find(account.provider);
  const environment = provider?.environments.get(account.environment);
  if (provider === undefined || environment === undefined) {
    const failure = refreshFailure('provider_not_configured');
    return conclude(deps, { input, account, place }, unsent(failure, undefined, account), null);
  }
  const opened = openAccessToken(deps.vault, account);
  if ('failure' in opened) {
    const validation = unsent(opened.failure, environment, account);
    return conclude(deps, { input, account, place }, validation, provider);
  }
  if (opened.accessToken === null) return skipped(input, 'no_access_token');
  const own = ownCredentials(deps.vault, account);
  if (own !== null && 'failure' in own)
    return conclude(
      deps,
      { input, account, place },
      unsent(own.failure, environment, account),
      provider,
    );
  const held = account.hasOwnClient
    ? // The limits and the incidents of the OAuth app do not concern another client.
      null
    : await heldByLimiter(deps, input, account, environment);
  if (held !== null) return held;
  const validation = await validateAccessToken(
    {
      environment,
      account: accountAddressOf(account, account.current),
      accessToken: opened.accessToken,
      ...(own === null ? {} : { own }),
      capture: input.request.capture,
    },
    deps,
  );
  return conclude(deps, { input, account, place }, validation, provider, opened.accessToken);
}

async function heldByLimiter(
  deps: RefreshDependencies,
  input: ValidateAccountInput,
  account: Account,
  environment: ProviderEnvironment,
): Promise<ValidateAccountResult | null> {
  const use = input.request.source === 'scheduled' ? 'scheduled' : 'on_demand';
  const acquisition = await deps.appLimiter.acquire(
    limiterOf(account, environment),
    { ...requesterOf(account), use, purpose: 'validation' },
    account.current.expiresAt,
  );
  if (!('hold' in acquisition)) return null;
  const { reason, failure } = heldBack(deps, acquisition);
  return skipped(input, reason, failure);
}

/** The credentials of an account that has its own client, which asks in place of the OAuth app. `null`: the app asks. */
function ownCredentials(
  vault: Vault,
  account: Account,
):
  | { credentials: GrantCredentials; grantType: CredentialsGrant }
  | { failure: RefreshFailure }
  | null {
  const { grantType, hasOwnClient, current } = account;
  const { refreshToken: sealed, generation } = current;
  if (!hasOwnClient || !holdsCredentials(grantType) || sealed === null) return null;
  const opened = openRefreshToken(vault, account, { sealed, generation });
  if ('failure' in opened) return opened;
  const credentials = readCredentials(opened.refreshToken.reveal());
  return credentials === null
    ? { failure: refreshFailure('row_corrupt') }
    : { credentials, grantType };
}

interface Context {
  input: ValidateAccountInput;
  account: Account;
  place: AttemptPlace;
}

/** Logs before the verdict is stored, so that no account changes without an entry that says why. */
async function conclude(
  deps: RefreshDependencies,
  context: Context,
  answered: Validation,
  provider: Provider | null,
  accessToken: Secret | null = null,
): Promise<ValidateAccountResult> {
  const { account, input } = context;
  const now = deps.now();
  const failure = failureOfAccount(answered.failure, account);
  const validation = { ...answered, failure };
  // A failure of the OAuth app is logged once, not for each of its accounts.
  if (
    failure !== null &&
    provider !== null &&
    input.request.source === 'scheduled' &&
    isOfTheApp(failure.code) &&
    !account.hasOwnClient &&
    !(await putOffValidation(deps, provider, account.environment))
  )
    return skipped(input, failure.code, failure);
  const entry = entryOf(context, validation, accessToken, now);
  await deps.store.logEntries.record(entry);
  logAttempt(entry);
  const { verdict } = validation;
  const consequence = consequenceOf(account, validation, provider, now);
  const waitMs =
    failure !== null && isOfTheApp(failure.code) && account.hasOwnClient
      ? PUT_OFF_MS
      : failure?.retryAfterMs;
  const written = await deps.store.validations.record(account, {
    validation: { outcome: verdict, at: now, logEntryId: entry.id },
    consequence,
    failure,
    ...(waitMs === undefined ? {} : { dueAt: new Date(now.getTime() + waitMs) }),
  });
  const outcome: ValidationOutcome = {
    accountId: account.id,
    outcome: written ? verdict : 'skipped',
    reason: written ? (failure?.code ?? 'valid') : 'token_replaced',
    failure: written ? failure : null,
    logEntryId: entry.id,
    refresh: null,
  };
  const toRefresh =
    written && consequence.kind === 'refresh'
      ? {
          accountId: account.id,
          organisation: account.organisation,
          environment: account.environment,
          label: account.label,
        }
      : null;
  return { validation: outcome, toRefresh };
}

/**
 * An access token that cannot be decrypted is not a refusal by the provider. The account needs a reconnect only if it
 * has no refresh token to replace it with.
 */
function consequenceOf(
  account: Account,
  { verdict, failure, outcome }: Validation,
  provider: Provider | null,
  now: Date,
): ValidationConsequence {
  const damaged = failure?.class === 'account' && outcome === 'not_sent';
  if (damaged && account.current.refreshToken === null && account.state === AccountState.active)
    return { kind: 'state', state: AccountState.needsReconnect };
  const refused = provider?.adapter.refusedState ?? AccountState.needsReconnect;
  return validationConsequence(account, verdict, refused, now);
}

function skipped(
  { accountId }: ValidateAccountInput,
  reason: string,
  failure: RefreshFailure | null = null,
): ValidateAccountResult {
  return {
    validation: {
      accountId,
      outcome: 'skipped',
      reason,
      failure,
      logEntryId: null,
      refresh: null,
    },
    toRefresh: null,
  };
}

/** The result of a validation that ended before HTTP. A synthetic request shows where the token would have stood. */
function unsent(
  failure: RefreshFailure,
  environment: ProviderEnvironment | undefined,
  account: Account,
): Validation {
  const endpoint = environment?.validation;
  return {
    verdict: 'unknown',
    outcome: 'not_sent',
    failure,
    request: {
      method: endpoint?.method ?? 'GET',
      url: endpoint?.shown(accountAddressOf(account, account.current)) ?? '<not configured>',
      access_token: environment === undefined ? '<not_read>' : '<decrypt_failed>',
    },
    response: null,
    finalPrefix: null,
  };
}

const MESSAGES: Record<TokenVerdict, string> = {
  valid: 'The provider accepts the access token.',
  invalid: 'The provider refuses the access token.',
  unknown: 'The validation did not show whether the access token works.',
};

function entryOf(
  { input, account, place }: Context,
  validation: Validation,
  accessToken: Secret | null,
  now: Date,
): LogEntry {
  const { verdict, outcome, failure, request, response, finalPrefix } = validation;
  return {
    id: input.attemptId,
    created_at: now.toISOString(),
    organisation: account.organisation,
    environment: account.environment,
    provider: account.provider,
    account_id: account.id,
    account_label: account.label,
    action: validationAction(verdict),
    source: input.request.source,
    outcome,
    request,
    response,
    error: failure,
    diagnostics: {
      caller: input.request.caller,
      input_prefix: storedPrefix(account.current.accessToken ?? ''),
      decrypted_prefix: accessToken === null ? null : prefix(accessToken.reveal()),
      final_prefix: finalPrefix,
      refresh_token_fingerprint: null,
      warnings: [],
    },
    generation: account.generation,
    workflow_id: place.workflowId,
    run_id: place.runId,
    message: failure?.message ?? MESSAGES[verdict],
  };
}
