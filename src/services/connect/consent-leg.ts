/** One leg of a consent: the view of the link, the start, and the callback. No HTTP: the pages pass texts and digests. */
import { timingSafeEqual } from 'node:crypto';
import type { Account } from '../../domain/account/account';
import type { SealedGrant } from '../../domain/account/grant';
import {
  type ConnectFailure,
  type ConnectSession,
  type ConnectStatus,
  canStart,
  failureAt,
  LEG_LIFE_MS,
  type Subject,
  statusAt,
} from '../../domain/connect/connect-session';
import { checkConsent } from '../../domain/connect/consent-result';
import { maskName } from '../../domain/masking/masking';
import { safeError } from '../../domain/masking/safe-error';
import { notFound, ServiceError } from '../../domain/service-error';
import { providerNotConfigured } from '../../domain/text/messages';
import { AuthorizationRequestError } from '../../providers/consent/authorization-request';
import type { CodeExchange } from '../../providers/consent/code-exchange';
import type { ConsentInput, ConsentRules } from '../../providers/consent/consent';
import { connectCallbackUrl } from '../../providers/consent/consent-server';
import type { Provider, ProviderEnvironment } from '../../providers/provider';
import { digestOf, randomToken, subjectDigest } from './connect-secrets';
import { checkedExternalId, externalIdInput } from './create-session';
import {
  type ConnectDependencies,
  consentRecord,
  recordFailure,
  type StartedSession,
  sealConsent,
  storeOrHandOver,
} from './store-consent';

/** A session as a page shows it. */
export interface ShownSession {
  session: ConnectSession;
  status: ConnectStatus;
  failure: ConnectFailure | null;
}

export interface ConsentView extends ShownSession {
  provider: Provider;
  scopes: readonly string[];
  /** The inputs that the person must still enter. */
  inputs: readonly ConsentInput[];
}

/** @returns `null`: no session has this link */
export async function viewLink(
  deps: ConnectDependencies,
  token: string,
): Promise<ConsentView | null> {
  const session = await deps.store.connectSessions.findByToken(digestOf(token));
  if (session === null) return null;
  const { provider, environment, rules } = configured(deps, session);
  return {
    ...shownSession(session, deps.now()),
    provider,
    scopes: requestedScopes(session, environment),
    inputs: missingInputs(session, rules),
  };
}

/** @returns `null`: this browser has not started the present leg of the session */
export async function viewResult(
  { store, now }: ConnectDependencies,
  sessionId: string,
  browserSecret: string,
): Promise<ShownSession | null> {
  const session = await store.connectSessions.findByBrowser(sessionId, digestOf(browserSecret));
  return session === null ? null : shownSession(session, now());
}

function shownSession(session: ConnectSession, now: Date): ShownSession {
  const failure = failureAt(session, now)?.code ?? null;
  return { session, status: statusAt(session, now), failure };
}

export type Start =
  | { kind: 'started'; session: ConnectSession; url: URL; browserSecret: string }
  /** Names of inputs that are missing or not valid. */
  | { kind: 'invalid'; names: string[] }
  | { kind: 'closed' }
  | { kind: 'unavailable' };

/** Starts a leg. The caller sets the cookie and redirects. */
export async function startLeg(
  deps: ConnectDependencies,
  { session }: ConsentView,
  entered: Readonly<Record<string, string>>,
  origin: string,
): Promise<Start> {
  const { vault, consent, logger, store, now } = deps;
  const at = now();
  if (!canStart(session, at)) return { kind: 'closed' };
  const { provider, environment, rules } = configured(deps, session);
  const read = readInputs(session, rules, provider, entered);
  if ('names' in read) return { kind: 'invalid', names: read.names };
  const { entered: enteredInputs, inputs, externalId } = read;
  const state = randomToken();
  const verifier = rules.pkce === 'refused' ? null : randomToken();
  const browserSecret = randomToken();
  const redirectUri = connectCallbackUrl(provider.id, origin);
  let url: URL;
  try {
    url = await consent.authorizationUrl({
      provider,
      environment,
      externalId,
      inputs: { ...inputsOf({ ...session, externalId }, rules), ...inputs },
      scopes: requestedScopes(session, environment),
      state,
      verifier,
      redirectUri,
    });
  } catch (error) {
    const reason =
      error instanceof AuthorizationRequestError
        ? { failure: error.failure, detail: error.detail }
        : safeError(error);
    logger.warn(
      { ...reason, connect_session_id: session.id, provider: provider.id },
      'a consent could not begin: the provider did not accept the authorization request',
    );
    return { kind: 'unavailable' };
  }
  const leg = {
    stateDigest: digestOf(state),
    browserDigest: digestOf(browserSecret),
    sealedVerifier:
      verifier === null
        ? null
        : vault.sealVerifier(verifier, {
            organisation: session.organisation,
            sessionId: session.id,
          }),
    redirectUri,
    inputs: enteredInputs,
    startedAt: at,
    expiresAt: new Date(at.getTime() + LEG_LIFE_MS),
  };
  const started = await store.connectSessions.startLeg(session.id, { leg, externalId });
  if (started === null) return { kind: 'closed' };
  return { kind: 'started', session: started, url, browserSecret };
}

export type Callback =
  /** No leg has this state, or a newer leg replaced it. */
  | { kind: 'unknown' }
  /** The callback came from another browser than the one that started. */
  | { kind: 'other_browser' }
  /** The person took longer than a leg may last. */
  | { kind: 'late' }
  | ({ kind: 'shown' } & ShownSession);

/**
 * Handles a callback. Exactly one callback of a leg exchanges its code. A replay, a reload and a second tab get the
 * present status.
 * @param browserSecretOf the secret in the cookie of this session
 */
export async function handleCallback(
  deps: ConnectDependencies,
  providerId: string,
  parameters: URLSearchParams,
  browserSecretOf: (session: ConnectSession) => string | null,
): Promise<Callback> {
  const { store, now } = deps;
  const [state, ...others] = parameters.getAll('state');
  if (state === undefined || others.length > 0) return { kind: 'unknown' };
  const stateDigest = digestOf(state);
  const session = await store.connectSessions.findByState(providerId, stateDigest);
  if (session === null || session.leg === null) return { kind: 'unknown' };
  const secret = browserSecretOf(session);
  const browserDigest = secret === null ? '' : digestOf(secret);
  if (!isSame(browserDigest, session.leg.browserDigest)) {
    if (session.status === 'at_provider')
      await recordFailure(deps, session, { code: 'other_browser', detail: null });
    return { kind: 'other_browser' };
  }
  const at = now();
  if (session.status === 'at_provider' && session.leg.expiresAt <= at) return { kind: 'late' };
  // Read before the code is spent, so that an outage of MongoDB leaves the callback repeatable.
  const account = session.isReconnect
    ? await store.accounts.find(session.organisation, session.accountId)
    : null;
  if (session.isReconnect && account === null) throw notFound(`account ${session.accountId}`);
  const won = await store.connectSessions.winCallback(session.id, {
    stateDigest,
    browserDigest,
    now: at,
  });
  if (won === null) {
    const present = await store.connectSessions.findByState(providerId, stateDigest);
    return { kind: 'shown', ...shownSession(present ?? session, now()) };
  }
  return { kind: 'shown', ...(await exchange(deps, won, account, { parameters, state })) };
}

async function exchange(
  deps: ConnectDependencies,
  session: ConnectSession,
  account: Account | null,
  { parameters, state }: { parameters: URLSearchParams; state: string },
): Promise<ShownSession> {
  const { vault, consent, logger, now } = deps;
  const { provider, environment, rules } = configured(deps, session);
  const { leg, externalId } = session;
  const failed = async (
    code: ConnectFailure,
    detail: string | null,
    input: { response?: CodeExchange['response']; warnings?: string[] } = {},
  ): Promise<ShownSession> => {
    await recordFailure(deps, session, { code, detail }, input);
    const present = await presentSession(deps, session);
    return { ...present, failure: code };
  };
  if (leg === null || externalId === null) return failed('answer_lost', null);
  const started: StartedSession = { ...session, externalId };
  const requested = requestedScopes(session, environment);
  const { organisation, id: sessionId } = session;
  let sealed: SealedGrant | null = null;
  const at = now();
  let answer: CodeExchange;
  try {
    answer = await consent.exchangeCode({
      provider,
      environment,
      externalId,
      inputs: inputsOf(session, rules),
      parameters,
      state,
      verifier:
        leg.sealedVerifier === null
          ? null
          : vault.openVerifier(leg.sealedVerifier, { organisation, sessionId }),
      redirectUri: leg.redirectUri,
      scopes: requested,
      receive(grant) {
        sealed = sealConsent(vault, started, account, grant, {
          requestedScopes: requested,
          at,
          provider,
        });
      },
    });
  } catch (error) {
    logger.error({ ...safeError(error), connect_session_id: session.id }, 'a code exchange failed');
    return failed('answer_lost', null);
  }
  const { response } = answer;
  if (answer.kind === 'failed') return failed(answer.failure, answer.detail, { response });
  const { grant, warnings } = answer;
  if (sealed === null || grant.accessToken === null)
    return failed('answer_lost', null, { response, warnings });
  const subject: Subject | null =
    answer.subject === null
      ? null
      : {
          digest: subjectDigest(vault, {
            organisation,
            provider: provider.id,
            environment: session.environment,
            subject: answer.subject.value,
          }),
          label: answer.subject.label === null ? null : maskName(answer.subject.label),
        };
  const checked = checkConsent(
    session,
    { scopes: grant.scopes, hasRefreshToken: grant.refreshToken !== null, subject },
    {
      requestedScopes: requested,
      refreshTokenExpected:
        rules.refreshTokenExpected || provider.adapter.nonExpiringTokens !== true,
      subjectExpected: isSubjectExpected(rules, requested),
    },
    account?.subject?.digest ?? null,
  );
  if ('failure' in checked) return failed(checked.failure, checked.detail, { response, warnings });
  const record = consentRecord(
    started,
    { grant: sealed, subject, missingScopes: checked.missingScopes },
    { at, provider, response, warnings, waitsForFinish: session.mode === 'app' },
  );
  const storing = await storeOrHandOver(deps, record);
  if (storing.kind === 'failed' && storing.failure === 'not_stored')
    return failed('not_stored', null, { response, warnings });
  const present = await presentSession(deps, session);
  return storing.kind === 'failed' ? { ...present, failure: storing.failure } : present;
}

/** The session as stored; as it was read before if MongoDB is unreachable. */
async function presentSession(
  { store, now }: ConnectDependencies,
  session: ConnectSession,
): Promise<ShownSession> {
  const stored = await store.connectSessions
    .find(session.organisation, session.id)
    .catch(() => null);
  return shownSession(stored ?? session, now());
}

function configured(
  { providers, consent }: ConnectDependencies,
  session: ConnectSession,
): { provider: Provider; environment: ProviderEnvironment; rules: ConsentRules } {
  const provider = providers.find(session.provider);
  const environment = provider?.environments.get(session.environment);
  const rules = provider === undefined ? null : consent.rulesOf(provider);
  if (provider === undefined || environment === undefined || rules === null)
    throw new ServiceError('conflict', providerNotConfigured(session.provider));
  return { provider, environment, rules };
}

function requestedScopes(
  session: ConnectSession,
  { consent }: ProviderEnvironment,
): readonly string[] {
  return session.scopes ?? consent?.scopes ?? [];
}

/** A subject that needs a request is unknown if the session does not request the scope for it. */
function isSubjectExpected({ subject }: ConsentRules, requested: readonly string[]): boolean {
  if (subject.kind !== 'request') return subject.kind !== 'none';
  return subject.scope === undefined || requested.includes(subject.scope);
}

function missingInputs(session: ConnectSession, rules: ConsentRules): ConsentInput[] {
  return rules.inputs.filter(
    ({ name, isExternalId }) =>
      session.inputs[name] === undefined && !(isExternalId === true && isFixed(session, rules)),
  );
}

/** Whether the external id was known before the person opened the link. An earlier leg stores the entered one. */
function isFixed(
  { externalId, isReconnect, leg }: ConnectSession,
  { inputs }: ConsentRules,
): boolean {
  const wasEntered = inputs.some(
    ({ name, isExternalId }) => isExternalId === true && leg?.inputs[name] !== undefined,
  );
  return isReconnect || (externalId !== null && !wasEntered);
}

interface ReadInputs {
  entered: Record<string, string>;
  inputs: Record<string, string>;
  externalId: string;
}

function readInputs(
  session: ConnectSession,
  rules: ConsentRules,
  provider: Provider,
  fields: Readonly<Record<string, string>>,
): ReadInputs | { names: string[] } {
  const entered: Record<string, string> = {};
  const names: string[] = [];
  for (const input of missingInputs(session, rules)) {
    const { name } = input;
    const value = input.normalise((fields[name] ?? '').trim());
    if (value === null || value === '') names.push(name);
    else entered[name] = value;
  }
  if (names.length > 0) return { names };
  const inputs = { ...session.inputs, ...entered };
  const stated = externalIdInput(rules, inputs);
  const externalId = isFixed(session, rules) ? session.externalId : (stated ?? null);
  if (externalId === null) return { names: rules.inputs.map(({ name }) => name) };
  return { entered, inputs, externalId: checkedExternalId(externalId, provider) };
}

/** The inputs as the provider's requests use them. */
function inputsOf(session: ConnectSession, rules: ConsentRules): Record<string, string> {
  const inputs = { ...session.inputs, ...session.leg?.inputs };
  for (const { name, isExternalId } of rules.inputs)
    if (isExternalId === true && session.externalId !== null) inputs[name] = session.externalId;
  return inputs;
}

function isSame(one: string, other: string): boolean {
  return one.length === other.length && timingSafeEqual(Buffer.from(one), Buffer.from(other));
}
