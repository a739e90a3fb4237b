/** Creates a connect session: validates the request and makes the link. The link is returned once and stored as a digest. */
import { randomBytes } from 'node:crypto';
import { z } from '@hono/zod-openapi';
import { type Account, AccountState } from '../../domain/account/account';
import { SCOPE_LENGTH_MAX, SCOPES_MAX } from '../../domain/account/grant-bounds';
import { holdsCredentials } from '../../domain/account/grant-type';
import { type ConnectSession, LINK_LIFE_MS } from '../../domain/connect/connect-session';
import { isFinished } from '../../domain/connect/stored-tokens';
import { notFound, ServiceError } from '../../domain/service-error';
import { providerNotConfigured } from '../../domain/text/messages';
import type { ConfiguredProviders } from '../../providers/config/configured-providers';
import type { ConsentRules } from '../../providers/consent/consent';
import type { ConsentClient } from '../../providers/consent/consent-client';
import { externalIdProblem, normalizedExternalId } from '../../providers/external-id';
import type { Provider } from '../../providers/provider';
import type { NewConnectSession } from '../../store/connect/connect-sessions';
import type { Store } from '../../store/store';
import type { Vault } from '../../vault/vault';
import { AccountKind, AccountLabel } from '../accounts/new-account';
import { digestOf, randomToken, subjectDigest } from './connect-secrets';
import type { OrganisationSettings } from './connect-settings';

/** The characters of a scope: RFC 6749 §3.3. */
const Scope = z
  .string()
  .max(SCOPE_LENGTH_MAX)
  .refine(
    (scope) => /^[\x21\x23-\x5b\x5d-\x7e]+$/.test(scope),
    'a scope has no blanks and no quotes',
  );

const Choices = z.strictObject({
  scopes: z.array(Scope).min(1).max(SCOPES_MAX).optional().openapi({
    description: "Scopes to request. Default: those of the provider's entry.",
  }),
  required_scopes: z.array(Scope).max(SCOPES_MAX).optional().openapi({
    description: 'A consent without one of these scopes is refused, and nothing is stored.',
  }),
  inputs: z.record(z.string().max(64), z.string().max(200)).optional().openapi({
    description:
      'Values that the provider needs, such as the shop. The person is asked for those that are missing.',
    example: {},
  }),
  expected_subject: z.string().min(1).max(200).optional().openapi({
    description: 'The id of the person or shop at the provider. Another one is refused.',
  }),
  allow_subject_change: z.boolean().optional().openapi({
    description:
      'true: a reconnect accepts another person or shop than the one that gave the last consent',
  }),
  mode: z.enum(['link', 'app']).optional().openapi({
    description:
      'link (default): the consent is stored at once. app: it waits until your server finishes the session with its code_verifier.',
  }),
  code_challenge: z
    .string()
    .refine(
      (challenge) => /^[\w-]{43}$/.test(challenge),
      'must be the SHA-256 of the code_verifier in base64url (43 characters)',
    )
    .optional()
    .openapi({ description: 'Required for mode app: BASE64URL(SHA256(code_verifier)).' }),
  return_url: z.string().max(2_000).optional().openapi({
    description:
      'Where the browser returns to. It must be in return_urls of the connect settings, exactly as written there.',
  }),
  expires_in: z
    .int()
    .min(LINK_LIFE_MS.min / 1000)
    .max(LINK_LIFE_MS.max / 1000)
    .optional()
    .openapi({
      description: 'Lifetime of the link in seconds: 600 to 604800. Default: 1800.',
      example: 1800,
    }),
});

/** The body for the reconnect of one account. */
export const ReconnectSessionBody = Choices.openapi('NewReconnectSession', { example: {} });

export const NewSessionBody = Choices.extend({
  account_id: z.string().optional().openapi({
    description: 'The account to reconnect. Leave it out to connect a new account.',
  }),
  provider: z.string().optional().openapi({
    description: 'Required for a new account',
    example: 'ebay',
  }),
  environment: z.string().optional().openapi({
    description: "The provider's default environment if left out",
    example: 'production',
  }),
  external_id: z.string().trim().min(1).max(200).optional().openapi({
    description:
      'The account’s name at its provider. Required for a new account, unless an input of the provider is the external id. A provider whose token response names the account needs none; the account’s id is then its external id.',
    example: 'harbour-books',
  }),
  label: AccountLabel.optional().openapi({ description: 'The name people see' }),
  kind: AccountKind.nullable().optional(),
}).openapi('NewConnectSession', {
  example: { provider: 'ebay', external_id: 'harbour-books', label: 'Harbour Books' },
});

type SessionChoices = z.infer<typeof Choices>;
export type SessionInput = z.infer<typeof NewSessionBody>;

export interface CreateSessionDependencies {
  store: Store;
  vault: Vault;
  providers: ConfiguredProviders;
  consent: Pick<ConsentClient, 'rulesOf'>;
  connectSettings: Pick<OrganisationSettings, 'of'>;
  now: () => Date;
}

export interface CreatedSession {
  session: ConnectSession;
  /** The secret part of the link. It is stored nowhere. */
  token: string;
}

/** @throws {ServiceError} */
export async function createSession(
  deps: CreateSessionDependencies,
  organisation: string,
  createdBy: string,
  input: SessionInput,
): Promise<CreatedSession> {
  const { account_id: accountId } = input;
  if (accountId === undefined) {
    const target = await newTarget(deps, organisation, input);
    return store(deps, organisation, createdBy, input, target);
  }
  for (const name of ['provider', 'environment', 'external_id', 'label', 'kind'] as const)
    if (input[name] !== undefined)
      throw invalid(name, 'the account has it already; leave it out together with account_id');
  return createReconnectSession(deps, { organisation, accountId, createdBy }, input);
}

/** @throws {ServiceError} */
export async function createReconnectSession(
  deps: CreateSessionDependencies,
  {
    organisation,
    accountId,
    createdBy,
  }: { organisation: string; accountId: string; createdBy: string },
  choices: SessionChoices,
): Promise<CreatedSession> {
  const account = await deps.store.accounts.find(organisation, accountId);
  if (account === null) throw notFound(`account ${accountId}`);
  return store(deps, organisation, createdBy, choices, reconnectTarget(deps, account));
}

/** One account of a batch: its link, or why it gets none. */
export type ReconnectLink = { account: Account } & (
  | { created: CreatedSession }
  | { problem: string }
);

/**
 * Makes links for accounts of one organisation, with one write.
 * @throws {ServiceError} if the choices are not valid
 */
export async function createReconnectSessions(
  deps: CreateSessionDependencies,
  { organisation, createdBy }: { organisation: string; createdBy: string },
  accounts: readonly Account[],
  choices: Pick<SessionChoices, 'expires_in' | 'return_url'>,
): Promise<ReconnectLink[]> {
  const { returnUrls } = await deps.connectSettings.of(organisation);
  const by = { organisation, createdBy, returnUrls };
  // Also if no account gets a link, so that a wrong address is named.
  requireReturnUrl(returnUrls, choices.return_url ?? null);
  const links = accounts.map((account) => {
    const target = targetOrProblem(deps, account);
    return typeof target === 'string'
      ? { account, problem: target }
      : { account, made: newSession(deps, by, choices, target) };
  });
  const sessions = await deps.store.connectSessions.createMany(
    links.flatMap(({ made }) =>
      made === undefined ? [] : [{ session: made.session, tokenDigest: digestOf(made.token) }],
    ),
  );
  const created = new Map(sessions.map((session) => [session.id, session]));
  return links.map(({ account, made, problem = '' }): ReconnectLink => {
    const session = made === undefined ? undefined : created.get(made.session.id);
    return made === undefined || session === undefined
      ? { account, problem }
      : { account, created: { session, token: made.token } };
  });
}

function targetOrProblem(deps: CreateSessionDependencies, account: Account): Target | string {
  try {
    return reconnectTarget(deps, account);
  } catch (error) {
    if (error instanceof ServiceError) return error.message;
    throw error;
  }
}

/** @throws {ServiceError} if no link can reconnect the account now */
function reconnectTarget(deps: CreateSessionDependencies, account: Account): Target {
  requireReconnectable(account);
  const provider = deps.providers.find(account.provider);
  if (provider === undefined)
    throw new ServiceError('conflict', providerNotConfigured(account.provider));
  requireEnvironment(provider, account.environment);
  const rules = rulesOf(deps, provider, account.environment);
  const { id, environment, externalId, label, kind } = account;
  return {
    accountId: id,
    isReconnect: true,
    provider,
    rules,
    environment,
    externalId,
    label,
    kind,
  };
}

interface Target
  extends Pick<
    NewConnectSession,
    'accountId' | 'isReconnect' | 'environment' | 'externalId' | 'label' | 'kind'
  > {
  provider: Provider;
  rules: ConsentRules;
}

async function newTarget(
  deps: CreateSessionDependencies,
  organisation: string,
  input: SessionInput,
): Promise<Target> {
  if (input.provider === undefined) throw invalid('provider', 'needed for a new account');
  const provider = deps.providers.find(input.provider);
  if (provider === undefined) {
    const names = deps.providers.all.map(({ id }) => id).join(', ');
    throw invalid('provider', `is not configured; there are: ${names}`);
  }
  const environment = input.environment ?? provider.adapter.defaultEnvironment;
  requireEnvironment(provider, environment);
  const rules = rulesOf(deps, provider, environment);
  const accountId = `acc_${randomBytes(12).toString('hex')}`;
  const given =
    input.external_id ??
    externalIdInput(rules, input.inputs ?? {}) ??
    (needsExternalId(rules, provider) ? undefined : accountId);
  if (given === undefined && !rules.inputs.some(({ isExternalId }) => isExternalId === true))
    throw invalid('external_id', `needed: ${provider.id} does not name the account by itself`);
  const externalId = given === undefined ? null : checkedExternalId(given, provider);
  const kind = input.kind ?? null;
  if (externalId !== null) {
    const identity = { provider: provider.id, environment, externalId, kind };
    const existing = await deps.store.accounts.idOfIdentity(organisation, identity);
    if (existing !== null) {
      throw new ServiceError(
        'conflict',
        `external_id: the account ${existing} has it already. Reconnect it: POST /api/admin/accounts/${existing}/reconnect.`,
      );
    }
  }
  return {
    accountId,
    isReconnect: false,
    provider,
    rules,
    environment,
    externalId,
    label: input.label ?? null,
    kind,
  };
}

/**
 * Whether a new account needs an external id from the admin or the owner. The token response names the account at some
 * providers, and no address of theirs has a part from the external id.
 */
export function needsExternalId(
  { subject, inputs }: Pick<ConsentRules, 'subject' | 'inputs'>,
  { adapter }: Pick<Provider, 'adapter'>,
): boolean {
  return (
    subject.kind !== 'answer' ||
    adapter.accountHost !== undefined ||
    inputs.some(({ isExternalId }) => isExternalId === true)
  );
}

async function store(
  deps: CreateSessionDependencies,
  organisation: string,
  createdBy: string,
  choices: SessionChoices,
  target: Target,
): Promise<CreatedSession> {
  const { returnUrls } = await deps.connectSettings.of(organisation);
  const by = { organisation, createdBy, returnUrls };
  const { session, token } = newSession(deps, by, choices, target);
  const created = await deps.store.connectSessions.create(session, digestOf(token));
  return { session: created, token };
}

/** @throws {ServiceError} `invalid_request` */
function newSession(
  { vault, now }: Pick<CreateSessionDependencies, 'vault' | 'now'>,
  {
    organisation,
    createdBy,
    returnUrls,
  }: { organisation: string; createdBy: string; returnUrls: readonly string[] },
  choices: SessionChoices,
  { provider, rules, ...target }: Target,
): { session: NewConnectSession; token: string } {
  const { mode = 'link', code_challenge: challenge = null, return_url: returnUrl = null } = choices;
  if (mode === 'app' && challenge === null) throw invalid('code_challenge', 'needed for mode app');
  if (mode === 'link' && challenge !== null) throw invalid('code_challenge', 'only for mode app');
  requireReturnUrl(returnUrls, returnUrl);
  const { expected_subject: expected } = choices;
  if (expected !== undefined && rules.subject.kind === 'none')
    throw invalid('expected_subject', `${provider.id} does not say who consented`);
  const at = now();
  const token = randomToken();
  const session: NewConnectSession = {
    id: `ccs_${randomBytes(12).toString('hex')}`,
    organisation,
    provider: provider.id,
    ...target,
    scopes: choices.scopes ?? null,
    requiredScopes: choices.required_scopes ?? [],
    inputs: checkedInputs(rules, choices.inputs ?? {}),
    expectedSubject:
      expected === undefined
        ? null
        : subjectDigest(vault, {
            organisation,
            provider: provider.id,
            environment: target.environment,
            subject: expected,
          }),
    allowSubjectChange: choices.allow_subject_change ?? false,
    mode,
    challenge,
    returnUrl,
    createdBy,
    createdAt: at,
    expiresAt: new Date(
      at.getTime() +
        (choices.expires_in === undefined ? LINK_LIFE_MS.default : choices.expires_in * 1000),
    ),
  };
  return { session, token };
}

/** @throws {ServiceError} `invalid_request` if a browser may not return to the address */
function requireReturnUrl(allowed: readonly string[], returnUrl: string | null): void {
  if (returnUrl === null || allowed.includes(returnUrl)) return;
  throw invalid(
    'return_url',
    'is not in the return_urls of your organisation. An admin can add it, exactly as written here: PATCH /api/admin/connect/settings.',
  );
}

/** @throws {ServiceError} `no_consent_flow` */
function rulesOf(
  { consent }: CreateSessionDependencies,
  provider: Provider,
  environment: string,
): ConsentRules {
  const rules = consent.rulesOf(provider);
  if (rules === null || (provider.environments.get(environment)?.consent ?? null) === null) {
    throw new ServiceError(
      'no_consent_flow',
      `The provider "${provider.id}" has no authorization endpoint in ${environment}. Set authorizationEndpoint in providers.yaml, also if only tokenEndpoint is configured, or connect the account with its refresh token.`,
    );
  }
  return rules;
}

function requireEnvironment(provider: Provider, environment: string): void {
  if (provider.environments.has(environment)) return;
  const names = [...provider.environments.keys()].join(', ');
  throw invalid('environment', `is not configured for ${provider.id}; there are: ${names}`);
}

function requireReconnectable(account: Account): void {
  const { state, quarantine, grantType } = account;
  if (holdsCredentials(grantType)) {
    throw new ServiceError(
      'conflict',
      'The account holds credentials, so no person can reconnect it. Enter new credentials: PATCH {"credentials": {…}}.',
    );
  }
  if (state === AccountState.disconnected && !isFinished(account)) {
    throw new ServiceError(
      'conflict',
      'The account is being disconnected. Its tokens are revoked for up to a day; see GET /api/admin/accounts/{id}/disconnect. Reconnect it afterwards.',
    );
  }
  if (state === AccountState.disabled) {
    throw new ServiceError(
      'conflict',
      'The account is disabled. Enable it first: PATCH {"disabled": false}.',
    );
  }
  if (quarantine) {
    throw new ServiceError(
      'conflict',
      'The account is in quarantine, because another system refreshes it. Release it first: PATCH {"quarantine": false}.',
    );
  }
}

/**
 * The stored form of inputs.
 * @throws {ServiceError} `invalid_request` naming the input
 */
function checkedInputs(
  { inputs }: Pick<ConsentRules, 'inputs'>,
  given: Readonly<Record<string, string>>,
): Record<string, string> {
  const checked: Record<string, string> = {};
  for (const [name, text] of Object.entries(given)) {
    const input = inputs.find((one) => one.name === name);
    if (input === undefined)
      throw invalid('inputs', 'holds a name that this provider does not use');
    const value = input.normalise(text);
    if (value === null)
      throw invalid(`inputs.${name}`, `is not valid; write it like ${input.example}`);
    checked[name] = value;
  }
  return checked;
}

/** The external id, if an input states it. */
export function externalIdInput(
  { inputs }: Pick<ConsentRules, 'inputs'>,
  given: Readonly<Record<string, string>>,
): string | undefined {
  const name = inputs.find(({ isExternalId }) => isExternalId === true)?.name;
  return name === undefined ? undefined : given[name];
}

/** @throws {ServiceError} `invalid_request` */
export function checkedExternalId(text: string, { adapter }: Provider): string {
  const problem = externalIdProblem(text);
  if (problem !== null) throw invalid('external_id', problem);
  const externalId = normalizedExternalId(text, adapter);
  if (externalId === null)
    throw invalid('external_id', `is not the address of a ${adapter.displayName} account`);
  return externalId;
}

function invalid(member: string, problem: string): ServiceError {
  return new ServiceError('invalid_request', `${member}: ${problem}`);
}
