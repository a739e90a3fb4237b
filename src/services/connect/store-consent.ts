/**
 * Seals a received consent and stores it: directly, or by a workflow if MongoDB is unreachable. From the token response
 * on, the grant exists only here until one of the two has accepted it.
 */
import type { Logger } from 'pino';
import { recordConnectFailure, storeConsent } from '../../activities/store-consent';
import type { Account } from '../../domain/account/account';
import { FIRST_GENERATION, type SealedGrant, withProviderValues } from '../../domain/account/grant';
import type {
  ConnectFailure,
  ConnectSession,
  SealedConsent,
} from '../../domain/connect/connect-session';
import type { ConsentRecord } from '../../domain/connect/consent-record';
import { safeError } from '../../domain/masking/safe-error';
import { Secret } from '../../domain/masking/secret';
import type { ConfiguredProviders } from '../../providers/config/configured-providers';
import type { ConsentClient } from '../../providers/consent/consent-client';
import type { ReceivedGrant } from '../../providers/exchange/received-grant';
import { accountAddressOf } from '../../providers/exchange/token-endpoint';
import { plainName } from '../../providers/external-id';
import type { Provider } from '../../providers/provider';
import { isDatabaseUnavailable } from '../../store/mongo/unavailability';
import type { Store } from '../../store/store';
import type { ConnectClient } from '../../temporal/connect-client';
import { grantPlace, type Vault } from '../../vault/vault';
import { enteredRefreshToken } from '../accounts/shared-refresh-token';

export interface ConnectDependencies {
  store: Store;
  vault: Vault;
  providers: ConfiguredProviders;
  consent: ConsentClient;
  connect: ConnectClient;
  logger: Logger;
  now: () => Date;
}

/** Characters of an account's id that tell accounts without a name apart. */
const ID_END = 6;

/** A session whose external id is known, as it is from the start of a leg. */
export type StartedSession = ConnectSession & { externalId: string };

/** `later`: a workflow holds the consent until MongoDB accepts it. */
export type Storing = { kind: 'stored' | 'later' } | { kind: 'failed'; failure: ConnectFailure };

/** @param account the account of a reconnect; `null` for a new account */
export function sealConsent(
  vault: Vault,
  session: StartedSession,
  account: Account | null,
  received: ReceivedGrant,
  {
    requestedScopes,
    at,
    provider,
  }: { requestedScopes: readonly string[]; at: Date; provider: Provider },
): SealedGrant {
  const generation = account === null ? FIRST_GENERATION : account.generation + 1;
  const { accessToken, refreshToken } = received;
  const place = grantPlace({ ...session, id: session.accountId }, generation);
  const isEndless = refreshToken === null && provider.adapter.nonExpiringTokens === true;
  return {
    ...vault.sealGrant(
      {
        accessToken: accessToken?.reveal() ?? null,
        refreshToken: refreshToken?.reveal() ?? null,
      },
      place,
    ),
    expiresAt: isEndless ? null : received.expiresAt.toISOString(),
    refreshTokenExpiresAt: received.refreshTokenExpiry.expiresAt?.toISOString() ?? null,
    ...(received.refreshTokenEndsAt === undefined
      ? {}
      : { refreshTokenEndsAt: received.refreshTokenEndsAt.toISOString() }),
    scopes: received.scopes ?? [...requestedScopes],
    ...withProviderValues(undefined, received.providerValues),
    obtainedAt: at.toISOString(),
    // Not `null`: the provider issued this grant, and a repeated step recognises it.
    attemptId: session.id,
  };
}

export function consentRecord(
  session: StartedSession,
  consent: SealedConsent,
  input: Pick<ConsentRecord, 'waitsForFinish' | 'response' | 'warnings'> & {
    at: Date;
    provider: Provider;
  },
): ConsentRecord {
  const { at, provider, ...rest } = input;
  return {
    ...rest,
    grant: consent.grant,
    subject: consent.subject,
    missingScopes: consent.missingScopes,
    sessionId: session.id,
    organisation: session.organisation,
    accountId: session.accountId,
    isReconnect: session.isReconnect,
    expectedSubject: session.expectedSubject,
    allowSubjectChange: session.allowSubjectChange,
    provider: session.provider,
    environment: session.environment,
    externalId: session.externalId,
    label: session.label ?? defaultLabel(session, consent, provider),
    kind: session.kind,
    enteredRefreshToken: enteredRefreshToken(consent.grant, provider),
    createdBy: session.createdBy,
    at: at.toISOString(),
  };
}

/** An external id that is the account's id means nothing to people, so the label has the provider and its account instead. */
function defaultLabel(
  { externalId, accountId }: StartedSession,
  { subject }: Pick<SealedConsent, 'subject'>,
  { adapter }: Provider,
): string {
  return externalId === accountId
    ? `${adapter.displayName} ${subject?.label ?? accountId.slice(-ID_END)}`
    : plainName(externalId);
}

/** Never throws: the caller can only tell the person to start again. */
export async function storeOrHandOver(
  deps: ConnectDependencies,
  record: ConsentRecord,
): Promise<Storing> {
  try {
    const { failure } = await storeConsent(deps, record);
    return failure === null ? { kind: 'stored' } : { kind: 'failed', failure };
  } catch (error) {
    // Caught whatever the error: the grant is stored nowhere else.
    if (!isDatabaseUnavailable(error))
      deps.logger.error(
        { ...safeError(error), connect_session_id: record.sessionId },
        'a consent could not be stored; a workflow stores it, encrypted, as soon as it can',
      );
  }
  try {
    await deps.connect.storeLater(record);
    return { kind: 'later' };
  } catch (error) {
    deps.logger.error(
      { ...safeError(error), connect_session_id: record.sessionId },
      'a consent is lost: neither MongoDB nor Temporal accepted it. The person must start again.',
    );
    return { kind: 'failed', failure: 'not_stored' };
  }
}

/** Records why a leg failed. Never throws: if MongoDB is unreachable, the session counts as `answer_lost` in time. */
export async function recordFailure(
  deps: ConnectDependencies,
  session: ConnectSession,
  failure: { code: ConnectFailure; detail: string | null },
  input: Omit<Parameters<typeof recordConnectFailure>[3], 'entryAt'> = {},
): Promise<void> {
  try {
    await recordConnectFailure(deps, session, failure, { ...input, entryAt: deps.now() });
  } catch (error) {
    deps.logger.error(
      { ...safeError(error), connect_session_id: session.id, failure: failure.code },
      'the failure of a connect session could not be recorded',
    );
  }
}

/**
 * Revokes a grant that no account will hold. The grant of a reconnect is not revoked, and no grant of a provider that
 * ends other grants of the person with it: an account may hold one of them.
 */
export async function revokeDropped(
  { vault, providers, consent, logger }: ConnectDependencies,
  session: ConnectSession,
): Promise<void> {
  const { pending, externalId } = session;
  const provider = providers.find(session.provider);
  const environment = provider?.environments.get(session.environment);
  if (session.isReconnect || pending === null || externalId === null) return;
  if (provider === undefined || environment === undefined) return;
  const { revocation } = provider;
  if (revocation?.kind === 'rfc7009' && revocation.takesAlong.otherGrants.answer === 'yes') return;
  const { grant } = pending;
  const place = grantPlace({ ...session, id: session.accountId, externalId }, grant.generation);
  const account = accountAddressOf({ externalId }, grant);
  const results: Record<string, string> = {};
  try {
    for (const [hint, sealed] of [
      ['refresh_token', grant.refreshToken],
      ['access_token', grant.accessToken],
    ] as const) {
      if (sealed === null) continue;
      const token = new Secret(vault.openToken(sealed, place, hint));
      // oxlint-disable-next-line no-await-in-loop -- the access token often ends with the refresh token
      const { result } = await consent.revoke({ ...account, environment, token, hint });
      results[hint] = result;
    }
    logger.info(
      { connect_session_id: session.id, ...results },
      'a consent that was not finished was revoked',
    );
  } catch (error) {
    logger.warn(
      { ...safeError(error), connect_session_id: session.id },
      'a consent could not be revoked',
    );
  }
}
