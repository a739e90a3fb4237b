/** Sends the refresh request once, and passes the response on to be stored. */
import { type Account } from '../domain/account/account';
import type { SealedGrant } from '../domain/account/grant';
import { holdsCredentials } from '../domain/account/grant-type';
import { unansweredOfCandidate } from '../domain/account/reconnect';
import type { Secret } from '../domain/masking/secret';
import { failureOfAccount } from '../domain/refresh/credentials-failure';
import { type RefreshGrantInput, type RefreshGrantResult } from '../domain/refresh/refresh-attempt';
import { withLostAnswer } from '../domain/refresh/replay';
import { momentText } from '../domain/text/time-text';
import { NOTHING_REPORTED, reportToLimiter } from '../limits/account-limits';
import type { ConfiguredApp, Reported } from '../limits/limiter';
import { exchangeCredentials } from '../providers/exchange/credentials-exchange';
import { accountAddressOf } from '../providers/exchange/token-endpoint';
import { type ExchangeInput, exchangeRefreshToken } from '../providers/exchange/token-exchange';
import type { Provider, ProviderEnvironment } from '../providers/provider';
import {
  type EntryContext,
  exchangeEntry,
  presentedGrant,
  presentedValues,
  withRefusalOfGrant,
} from './attempt-entry';
import { commit, finish } from './commit';
import type { RefreshDependencies } from './dependencies';
import { result } from './result';
import { sealReceived } from './seal-grant';
import { tracedTransport } from './trace-attempt';

/**
 * How long a recorded send intent permits the send, in ms. Shorter than the heartbeat timeout: a worker that stalls
 * longer may have been replaced, and its replacement may have sent.
 */
const SEND_INTENT_VALID_MS = 4_000;

export async function exchangeAndCommit(
  deps: RefreshDependencies,
  input: RefreshGrantInput,
  context: EntryContext,
  what: {
    provider: Provider;
    environment: ProviderEnvironment;
    refreshToken: Secret;
    limiter: ConfiguredApp;
    acquiredAt: Date;
  },
): Promise<RefreshGrantResult> {
  const { provider, environment, refreshToken, limiter } = what;
  const { account, candidate, steps } = context;
  const fingerprint = deps.vault.fingerprint(refreshToken.reveal());
  const { grantType } = account;
  const warnings = holdsCredentials(grantType)
    ? []
    : refreshTokenWarnings(provider, presentedGrant(context), refreshToken, deps.now());
  // Looked up before the send, so that nothing delays the commit after the response.
  const announced = await deps.store.webhookEndpoints.isWanted(
    account.organisation,
    'token.refreshed',
  );
  let grant: SealedGrant | null = null;
  steps.begin('request', deps.now());
  const asked: ExchangeInput = {
    provider,
    environment,
    account: accountAddressOf(account, presentedValues(context)),
    refreshToken,
    capture: input.request.capture,
    mayBeSent: async () => {
      const claim = {
        accountId: account.id,
        attemptId: input.attemptId,
        generation: account.generation,
        refreshTokenFingerprint: fingerprint,
        candidate,
      };
      const askedAt = performance.now();
      const may = await deps.store.grants.recordSendIntent(claim, deps.now());
      if (may && performance.now() - askedAt > SEND_INTENT_VALID_MS) {
        await deps.store.grants.release(account.id, input.attemptId);
        return false;
      }
      if (may) steps.begin('response', deps.now());
      return may;
    },
    receive: (received) => {
      grant = sealReceived(deps.vault, account, presentedGrant(context), received, {
        attemptId: input.attemptId,
        obtainedAt: deps.now(),
      });
    },
  };
  const traced = { ...deps, transport: tracedTransport(deps.transport, steps) };
  const exchanged = await (holdsCredentials(grantType)
    ? exchangeCredentials(asked, grantType, traced)
    : exchangeRefreshToken(asked, traced));
  const unanswered = candidate === null ? account.unanswered : unansweredOfCandidate(candidate);
  const failure = holdsCredentials(grantType)
    ? failureOfAccount(exchanged.failure, account)
    : withLostAnswer(exchanged.failure, unanswered, fingerprint);
  const exchange = { ...exchanged, failure };
  if (exchange.claimLost) {
    // Another candidate replaced this one. The claim may still be this attempt's, and nothing was sent.
    if (candidate !== null) await deps.store.grants.release(account.id, input.attemptId);
    return result(input, account, { outcome: 'claimed_elsewhere', reason: 'claim_lost' });
  }
  const used = {
    refreshToken: holdsCredentials(grantType) ? null : refreshToken.reveal(),
    fingerprint,
    warnings,
  };
  const received = grant as SealedGrant | null;
  const entry = exchangeEntry(context, exchange, used, received?.expiresAt ?? null);
  const report = () =>
    account.hasOwnClient
      ? Promise.resolve(NOTHING_REPORTED)
      : reportToLimiter(
          deps,
          limiter,
          { account: requesting(context), at: what.acquiredAt },
          exchange,
        );
  if (received !== null) {
    // The grant is stored first; the app limiter's report can wait.
    const committed = await commit(deps, input, context, { entry, grant: received, announced });
    return withLimiter(committed, limiter, await report());
  }
  const reported = await report();
  const end = {
    entry: reported.ofAccount === 'grant_refused' ? withRefusalOfGrant(entry) : entry,
    provider,
    sentAt: exchange.sentAt,
    backsOff: reported.ofAccount === 'backs_off',
  };
  return withLimiter(await finish(deps, input, context, end), limiter, reported);
}

/** Warnings about an unusual refresh token. The token is sent nevertheless. */
function refreshTokenWarnings(
  { adapter }: Provider,
  { refreshTokenExpiresAt }: SealedGrant,
  refreshToken: Secret,
  now: Date,
): string[] {
  const expiresAt = refreshTokenExpiresAt === null ? null : new Date(refreshTokenExpiresAt);
  const expired =
    expiresAt !== null && expiresAt <= now
      ? `the refresh token expired at ${momentText(expiresAt)}, according to the stored expiry`
      : null;
  return [adapter.refreshTokenWarning(refreshToken.reveal()), expired].filter(
    (warning) => warning !== null,
  );
}

function withLimiter(
  done: RefreshGrantResult,
  { provider, environment }: ConfiguredApp,
  { state }: Reported,
): RefreshGrantResult {
  return state === null ? done : { ...done, limiter: { provider, environment, state } };
}

/** The account as the app limiter sees it: a candidate is unproven, whatever the state of the current grant. */
export function requesting({ account, candidate }: EntryContext): Account {
  return candidate === null ? account : { ...account, isProven: false };
}
