/** Validates one entry of `providers.yaml` and combines it with the defaults of its adapter. */
import { resolve } from 'node:path';
import { z } from 'zod';
import { DEFAULT_POLICY, type RefreshPolicy } from '../../domain/account/policy';
import { SCOPE_SEPARATORS, type ScopeSeparator } from '../../domain/account/scopes';
import {
  ACCESS_TOKEN_LIFE_MAX_SECONDS,
  REFRESH_TOKEN_LIFE_MAX_SECONDS,
} from '../../domain/account/token-lifetime';
import { tokenProblem } from '../../domain/account/token-text';
import type { AppLimits } from '../../domain/limits/app-limiter';
import { Secret } from '../../domain/masking/secret';
import type { RefreshFailureCode } from '../../domain/refresh/refresh-failure';
import type { ReplayRule } from '../../domain/refresh/replay';
import { duration, durationOr, mustBe } from '../../domain/text/duration';
import { asConfigured } from '../../domain/text/time-text';
import { hasUserInfo } from '../../domain/text/user-info';
import { adapterIds, findAdapter } from '../adapters/registry';
import { fileAdapter } from '../catalogue/file-adapter';
import { providerFileSchema } from '../catalogue/provider-file';
import {
  catalogueIds,
  cataloguePath,
  ProviderFileError,
  readOverriddenFile,
  readProviderFile,
} from '../catalogue/read-file';
import {
  type ConsentRules,
  FACT_ANSWERS,
  type RevocationRule,
  type SubjectRule,
} from '../consent/consent';
import { connectCallbackUrl } from '../consent/consent-server';
import {
  CLIENT_AUTHENTICATION_METHODS,
  type ClientAuthenticationMethod,
  credentialOf,
  privateKeyProblem,
} from '../exchange/client-authentication';
import { isSecure } from '../exchange/token-endpoint';
import type { ProviderAdapter } from '../provider';

/** One environment: an OAuth app and its server. For absent members the adapter's defaults apply. */
export interface EnvironmentConfig {
  clientId: string;
  clientSecret?: Secret;
  privateKey?: Secret;
  keyId?: string;
  clientAuthentication?: ClientAuthenticationMethod;
  tokenEndpoint?: string;
  /** The URL of refreshes if it is not that of the code exchange. */
  refreshEndpoint?: string;
  validationEndpoint?: string;
  introspectionEndpoint?: string;
  issuer?: string;
  /** The token endpoint is not that of the adapter, whose audience of assertions does not apply. */
  hasOtherTokenEndpoint?: true;
  authorizationEndpoint?: string;
  revocationEndpoint?: string;
  /** The endpoint that names the person who consented. */
  identityEndpoint?: string;
  /** Sent as `redirect_uri` instead of the callback URL. */
  redirectUri?: string;
  consentScopes?: string[];
  consentParameters?: Record<string, string>;
  parameters?: Record<string, string>;
  /** Limits of this app; for absent members the defaults apply. */
  limits?: Partial<AppLimits>;
}

export interface ProviderConfig {
  id: string;
  adapter: string;
  /** The adapter of the entry's own provider file, or of its overridden one. Absent: that of {@link adapter}. */
  ownAdapter?: ProviderAdapter;
  policy: RefreshPolicy;
  replayRule?: ReplayRule;
  accessTokenLifeSeconds?: number;
  refreshTokenLifeSeconds?: number | null;
  /** Accounts without a person may use the OAuth app of this entry. Absent: they need their own client. */
  applicationTokens?: boolean;
  tokenPath?: string;
  scopeSeparator?: ScopeSeparator;
  failureCodes?: Record<string, RefreshFailureCode>;
  /** Consent rules that replace the adapter's. */
  consent?: Partial<Pick<ConsentRules, 'pkce' | 'subject' | 'refreshTokenExpected'>>;
  /** The effects of a revocation; replaces the adapter's statement. */
  revocation?: RevocationRule;
  environments: Record<string, EnvironmentConfig>;
}

const quotedText = z.string({ error: ({ input }) => mustBe('text, in quotes', input) });

/** A URL that receives secrets or returns keys that are trusted. */
export const secureUrl = z
  .url({ error: 'must be a URL', abort: true })
  .refine((text) => isSecure(new URL(text)), 'must begin with https:// (http:// on this machine)');

/** Pages and log entries show the URLs of servers. */
const serverUrl = secureUrl.refine(
  (text) => !hasUserInfo(new URL(text)) && !text.includes('#'),
  'must not contain a user name, a password or a fragment',
);

const replayRule = durationOr('safe', 'until_successor_used', 'never').transform(
  (rule): ReplayRule =>
    typeof rule === 'number' ? { kind: 'within', seconds: rule / 1000 } : { kind: rule },
);

/** A token lifetime in seconds, with the same limit as in token responses. */
const lifeUpTo = (maxSeconds: number) =>
  duration
    .transform((value) => value / 1000)
    .refine((value) => value <= maxSeconds, `must be at most ${maxSeconds / (24 * 3600)}d`);

function textLike(form: RegExp, wanted: string) {
  const error = ({ input }: { input?: unknown }) => mustBe(wanted, input);
  return z.string({ error }).regex(form, { error });
}

/** Parses `20/s`. */
const rate = textLike(/^\d+(\.\d+)?\s*\/\s*s$/, 'requests per second, such as 20/s')
  .transform(parseFloat)
  .refine((perSecond) => perSecond > 0, 'must be more than 0');

/** Parses `50000/day`. */
const quota = textLike(/^[1-9]\d*\s*\/\s*day$/, 'requests per day, such as 50000/day').transform(
  (given) => Number.parseInt(given, 10),
);

/** Parses `10%` as 0.1. */
const reserve = textLike(/^\d{1,2}(\.\d+)?\s*%$/, 'a fraction of the quota, such as 10%').transform(
  (given) => Number.parseFloat(given) / 100,
);

/** Parameters of the exchange itself, which a configuration must not override. */
const RESERVED_PARAMETERS = new Set([
  'grant_type',
  'refresh_token',
  'client_id',
  'client_secret',
  'client_assertion',
  'client_assertion_type',
]);

/** Parameters of the authorization request itself. */
const RESERVED_CONSENT_PARAMETERS = new Set([
  'response_type',
  'client_id',
  'redirect_uri',
  'scope',
  'state',
  'code_challenge',
  'code_challenge_method',
  'request',
  'request_uri',
]);

const parametersExcept = (reserved: ReadonlySet<string>) =>
  z
    .record(z.string(), z.string())
    .refine(
      (given) => Object.keys(given).every((name) => !reserved.has(name)),
      `must not contain ${[...reserved].join(', ')}`,
    );

const scopeList = z.array(z.string().regex(/^\S+$/, 'must be a single scope without spaces'));

const memberPath = z
  .string()
  .regex(/^[\w-]{1,40}(\.[\w-]{1,40}){0,3}$/, 'must be names joined by dots, such as data.token');

/** How the person who consented is identified: `id_token`, `none`, or a member of an answer. */
const subjectRule = z
  .union([
    z.enum(['id_token', 'none']),
    z.strictObject({ answer: memberPath, label: memberPath.optional() }),
    z.strictObject({ request: memberPath, label: memberPath.optional() }),
  ])
  .transform((given): SubjectRule => {
    if (typeof given === 'string') return { kind: given };
    const label = given.label === undefined ? {} : { label: given.label };
    return 'answer' in given
      ? { kind: 'answer', path: given.answer, ...label }
      : { kind: 'request', endpoints: {}, path: given.request, ...label };
  });

const factAnswer = z.enum(FACT_ANSWERS).default('unknown');

/** The effects of a revocation at this server, and the page that states them. */
const revocationRule = z
  .strictObject({
    effect: z.string().min(1).max(500),
    accessTokens: factAnswer,
    otherGrants: factAnswer,
    installation: factAnswer,
    source: z.url().optional(),
  })
  .transform(({ effect, source = null, ...answers }): RevocationRule => {
    const fact = (answer: (typeof FACT_ANSWERS)[number]) => ({ answer, source });
    return {
      kind: 'rfc7009',
      endpoints: {},
      effect,
      takesAlong: {
        accessTokens: fact(answers.accessTokens),
        otherGrants: fact(answers.otherGrants),
        installation: fact(answers.installation),
      },
    };
  });

/** Checked like a token: with surrounding quotes or white space, the provider would refuse the app. Empty means absent. */
const clientCredential = quotedText.superRefine((text, context) => {
  const problem = text === '' ? null : tokenProblem(text);
  if (problem !== null) context.addIssue(problem);
});

/** Members of an environment. At the top of an entry they apply to the default environment. */
const environmentMembers = {
  clientId: clientCredential.optional(),
  clientSecret: clientCredential.optional(),
  clientAuthentication: z.enum(CLIENT_AUTHENTICATION_METHODS).optional(),
  privateKey: quotedText.optional(),
  keyId: quotedText.optional(),
  tokenEndpoint: serverUrl.optional(),
  validationEndpoint: serverUrl.optional(),
  introspectionEndpoint: serverUrl.optional(),
  issuer: serverUrl.optional(),
  authorizationEndpoint: serverUrl.optional(),
  revocationEndpoint: serverUrl.optional(),
  identityEndpoint: serverUrl.optional(),
  redirectUri: z.string().regex(/^\S+$/, 'must be a URI, or the RuName at eBay').optional(),
  consentScopes: scopeList.optional(),
  consentParameters: parametersExcept(RESERVED_CONSENT_PARAMETERS).optional(),
  parameters: parametersExcept(RESERVED_PARAMETERS).optional(),
  scopes: scopeList.optional(),
  rate: rate.optional(),
  quota: quota.optional(),
  reserve: reserve.optional(),
};
const environmentSchema = z.strictObject(environmentMembers);

/** Maximum number of concurrent batches. More would not help, because one sweep workflow starts and awaits them all. */
const BATCHES_AT_ONCE_MAX = 64;

const providerSchema = z.strictObject({
  ...environmentMembers,
  adapter: z.string().optional(),
  file: quotedText.optional(),
  override: z
    .record(z.string(), z.unknown(), 'must be a map of members of the provider file')
    .optional(),
  sweepEvery: duration.optional(),
  perAccountUpTo: z.int().min(0).optional(),
  batchesAtOnce: z.int().min(1).max(BATCHES_AT_ONCE_MAX).optional(),
  refreshBefore: duration.optional(),
  notBefore: duration.optional(),
  refreshAfterAge: durationOr('never').optional(),
  enabled: z.boolean().optional(),
  jitter: durationOr('none').optional(),
  backOff: z.strictObject({ first: duration.optional(), max: duration.optional() }).optional(),
  validateEvery: durationOr('sweep', 'never').optional(),
  replay: replayRule.optional(),
  accessTokenLife: lifeUpTo(ACCESS_TOKEN_LIFE_MAX_SECONDS).optional(),
  refreshTokenLife: z
    .union([z.literal('unknown'), lifeUpTo(REFRESH_TOKEN_LIFE_MAX_SECONDS)])
    .optional(),
  tokenPath: memberPath.optional(),
  scopeSeparator: z.enum(SCOPE_SEPARATORS, 'must be " " or ","').optional(),
  applicationTokens: z.boolean().optional(),
  errorCodes: z
    .record(
      z.string(),
      z.enum([
        'invalid_grant',
        'invalid_client',
        'unauthorized_client',
        'invalid_scope',
        'invalid_request',
        'rate_limited',
        'too_early',
        'provider_unavailable',
      ]),
    )
    .optional(),
  pkce: z.enum(['S256', 'refused']).optional(),
  subject: subjectRule.optional(),
  refreshTokenExpected: z.boolean().optional(),
  revocation: revocationRule.optional(),
  environments: z.record(z.string(), environmentSchema).optional(),
});

type Entry = z.infer<typeof providerSchema>;
type EnvironmentEntry = z.infer<typeof environmentSchema>;

/** Largest default sweep interval, as a fraction of the shortest configured lifetime. */
const SWEEP_OF_LIFE = 0.25;
/**
 * Largest sweep interval, as a fraction of the shortest configured lifetime. Tokens are due at half their lifetime at the
 * latest, so a longer interval would miss them.
 */
const SWEEP_MAX_OF_LIFE = 0.5;

/** A shorter lifetime, in seconds, limits the sweep interval even if the entry does not state it. */
const SHORT_LIFE_SECONDS = 3600;

/** Returns the policy of a provider without any settings. */
export function defaultPolicy(adapterId: string, refreshIntervalMs: number | null): RefreshPolicy {
  const adapter = findAdapter(adapterId);
  if (adapter === undefined) throw new TypeError(`no adapter named "${adapterId}"`);
  return policyWithDefaults(adapter, refreshIntervalMs);
}

function policyWithDefaults(
  adapter: ProviderAdapter,
  refreshIntervalMs: number | null,
): RefreshPolicy {
  const sweepEveryMs = refreshIntervalMs ?? adapter.defaultPolicy.sweepEveryMs;
  return {
    ...DEFAULT_POLICY,
    ...adapter.defaultPolicy,
    sweepEveryMs,
    jitterMs: sweepEveryMs / 2,
  };
}

/** Values that come from outside the entry. */
interface EntryContext {
  /** The folder from which the path of `file` counts. Default: the working directory. */
  folder?: string;
  /** The adapter of an entry without `adapter` and `file`. */
  adapter?: ProviderAdapter;
  /** The address under which people reach this installation; `null`: unknown. */
  publicUrl?: URL | null;
}

/** Adds each problem of the entry to `problems`, prefixed with the entry's name. */
export function readProvider(
  id: string,
  raw: unknown,
  refreshIntervalMs: number | null,
  problems: string[],
  { folder, adapter: givenAdapter, publicUrl = null }: EntryContext = {},
): ProviderConfig | null {
  const problem = (text: string): null => {
    problems.push(`providers.${id}${text}`);
    return null;
  };
  if (!/^[a-z][a-z0-9-]{0,31}$/.test(id))
    return problem(': the name of a provider must consist of lower-case letters, digits and "-"');
  const parsed = providerSchema.safeParse(raw ?? {});
  if (!parsed.success) {
    for (const issue of parsed.error.issues) {
      const ofFile = issue.code === 'unrecognized_keys' ? issue.keys.filter(isOfProviderFile) : [];
      if (issue.path.length > 0 || ofFile.length === 0)
        problem(`${issue.path.map((part) => `.${String(part)}`).join('')}: ${issue.message}`);
      else
        for (const name of ofFile)
          problem(`.${name}: is a member of provider files; move it into override`);
    }
    return null;
  }
  const entry = parsed.data;
  if (entry.file !== undefined && entry.adapter !== undefined)
    return problem('.file: remove adapter, because the provider file takes its place');
  const ofFile = entry.file === undefined ? givenAdapter : adapterOfFile(entry.file, folder);
  if (typeof ofFile === 'string') return problem(`.file: ${ofFile}`);
  const adapterId = ofFile?.id ?? entry.adapter ?? id;
  const stated = ofFile ?? findAdapter(adapterId);
  if (stated === undefined)
    return problem(
      `: unknown adapter "${adapterId}"; known adapters: ${adapterIds().join(', ')}; for another provider, set file to its provider file`,
    );
  const adapter =
    entry.override === undefined
      ? stated
      : overriddenAdapter(stated, entry.override, entry.file, folder);
  if (Array.isArray(adapter)) {
    for (const wrong of adapter) problem(`.override${wrong}`);
    return null;
  }

  const environments: ProviderConfig['environments'] = {};
  const callbackUrl = publicUrl === null ? null : connectCallbackUrl(id, publicUrl.origin);
  for (const [name, own] of environmentsOf(adapter, entry)) {
    const environment = readEnvironment(adapter, name, own, {
      scopeSeparator: entry.scopeSeparator ?? adapter.scopeSeparator ?? ' ',
      callbackUrl,
    });
    if (typeof environment === 'string') return problem(environment);
    environments[name] = environment;
  }
  const life = shortestLife(entry, adapter);
  if (life !== null && (entry.sweepEvery ?? 0) > life.ms * SWEEP_MAX_OF_LIFE)
    return problem(
      `.sweepEvery: is too long for ${life.name}: ${asConfigured(life.ms)}, so tokens would expire between two sweeps; set it to ${asConfigured(life.ms * SWEEP_MAX_OF_LIFE)} or less, or omit it`,
    );
  const base = policyWithDefaults(adapter, refreshIntervalMs);
  const sweepEveryMs = Math.min(base.sweepEveryMs, (life?.ms ?? Infinity) * SWEEP_OF_LIFE);
  const policy = policyOf(entry, { ...base, sweepEveryMs });
  if (policy.validateEveryMs !== null && !Object.values(environments).some(canValidate))
    return problem(
      '.validateEvery: requires a validationEndpoint, introspectionEndpoint or issuer',
    );
  return {
    id,
    adapter: adapterId,
    environments,
    policy,
    ...defined({
      ownAdapter: entry.override === undefined ? ofFile : adapter,
      replayRule: entry.replay,
      accessTokenLifeSeconds: entry.accessTokenLife,
      refreshTokenLifeSeconds: entry.refreshTokenLife === 'unknown' ? null : entry.refreshTokenLife,
      applicationTokens: entry.applicationTokens,
      tokenPath: entry.tokenPath,
      scopeSeparator: entry.scopeSeparator,
      failureCodes: entry.errorCodes,
      consent: consentOf(entry),
      revocation: entry.revocation,
    }),
  };
}

function isOfProviderFile(name: string): boolean {
  return Object.hasOwn(providerFileSchema.shape, name);
}

/** @returns the adapter of an operator's provider file, or the problem as text */
function adapterOfFile(path: string, folder = '.'): ProviderAdapter | string {
  try {
    return fileAdapter(readProviderFile(resolve(folder, path)));
  } catch (error) {
    if (!(error instanceof ProviderFileError)) throw error;
    return `${path} is not a valid provider file; "evergrant providers check ${path}" explains: ${error.problems.join('; ')}`;
  }
}

/** @returns the adapter of the provider file with the override, or its problems as text */
function overriddenAdapter(
  stated: ProviderAdapter,
  override: Record<string, unknown>,
  file: string | undefined,
  folder = '.',
): ProviderAdapter | string[] {
  if (file === undefined && !catalogueIds().includes(stated.id))
    return [
      `: only a provider file can be overridden, and ${stated.id} is none; set the members of the entry, or set file to a provider file`,
    ];
  const path = file === undefined ? cataloguePath(stated.id) : resolve(folder, file);
  try {
    const adapter = fileAdapter(readOverriddenFile(path, override));
    // The catalogue shows facts with their sources, so those of the file.
    return stated.file === undefined ? adapter : { ...adapter, file: stated.file };
  } catch (error) {
    if (!(error instanceof ProviderFileError)) throw error;
    return error.problems.map((one) => `.${one}`);
  }
}

function consentOf({ pkce, subject, refreshTokenExpected }: Entry): ProviderConfig['consent'] {
  const rules = defined({ pkce, subject, refreshTokenExpected });
  return Object.keys(rules).length === 0 ? undefined : rules;
}

/**
 * Returns the shortest lifetime that an entry states, or that of the adapter's access tokens if it is too short for
 * usual sweep intervals. `null`: neither.
 */
function shortestLife(
  { accessTokenLife, refreshTokenLife }: Entry,
  { displayName, defaultAccessTokenLifeSeconds }: ProviderAdapter,
): { name: string; ms: number } | null {
  const lives = [
    ...(accessTokenLife === undefined
      ? defaultAccessTokenLifeSeconds < SHORT_LIFE_SECONDS
        ? [
            {
              name: `the access tokens of ${displayName}`,
              ms: defaultAccessTokenLifeSeconds,
            },
          ]
        : []
      : [{ name: 'accessTokenLife', ms: accessTokenLife }]),
    ...(typeof refreshTokenLife !== 'number'
      ? []
      : [{ name: 'refreshTokenLife', ms: refreshTokenLife }]),
  ].map(({ name, ms: inSeconds }) => ({ name, ms: inSeconds * 1000 }));
  return lives.toSorted((a, b) => a.ms - b.ms)[0] ?? null;
}

/** Each environment is a separate OAuth app, so it never inherits the credentials of the default one. */
function environmentsOf(adapter: ProviderAdapter, entry: Entry): [string, EnvironmentEntry][] {
  const atTop = Object.fromEntries(
    Object.entries(entry).filter(([member]) => Object.hasOwn(environmentMembers, member)),
  );
  const own = { ...entry.environments };
  const byDefault = { ...defined(atTop), ...defined(own[adapter.defaultEnvironment] ?? {}) };
  return Object.entries({ ...own, [adapter.defaultEnvironment]: byDefault });
}

/** @returns the environment, or the problem as text */
function readEnvironment(
  adapter: ProviderAdapter,
  name: string,
  own: EnvironmentEntry,
  { scopeSeparator, callbackUrl }: { scopeSeparator: ScopeSeparator; callbackUrl: string | null },
): EnvironmentConfig | string {
  const method = own.clientAuthentication ?? adapter.clientAuthenticationMethods[0];
  if (!adapter.clientAuthenticationMethods.includes(method)) {
    const accepted = adapter.clientAuthenticationMethods.join(', ');
    return `: ${adapter.displayName} does not support clientAuthentication ${method}; it supports: ${accepted}`;
  }
  if (own.issuer !== undefined && adapter.discovery !== true)
    return ': issuer is only for the adapter oauth2, because the token endpoint of this adapter is known';
  if (own.introspectionEndpoint !== undefined && adapter.discovery !== true)
    return ': introspectionEndpoint is only for the adapter oauth2; set validationEndpoint instead';
  const credential = credentialOf(method);
  const { clientId } = own;
  const tokenEndpoint = own.tokenEndpoint ?? adapter.tokenEndpoints[name];
  if (
    clientId === undefined ||
    (credential !== null && (own[credential] ?? '') === '') ||
    (tokenEndpoint === undefined && own.issuer === undefined)
  ) {
    const hasClient = clientId !== undefined && (credential === null || own[credential]);
    if (hasClient && adapter.file !== undefined)
      return `: the environment "${name}" needs a tokenEndpoint, because token.url of the provider file of ${adapter.displayName} has no URL for "${name}"; its environments are ${Object.keys(adapter.tokenEndpoints).join(', ')}`;
    const needs = ['clientId', ...(credential === null ? [] : [credential])].join(', ');
    const address = adapter.discovery ? 'a tokenEndpoint or an issuer' : 'a tokenEndpoint';
    const isPublic =
      credential !== null &&
      own.clientAuthentication === undefined &&
      adapter.clientAuthenticationMethods.includes('none');
    const hint = isPublic
      ? '. For a public client, which has no secret, set clientAuthentication: none'
      : '';
    return `: the environment "${name}" needs ${needs} and ${address}${hint}`;
  }
  if (method === 'private_key_jwt') {
    const wrong = privateKeyProblem(own.privateKey ?? '');
    if (wrong !== null) return `.privateKey: ${wrong}`;
  }
  if (own.reserve !== undefined && own.quota === undefined)
    return '.reserve: requires a quota, because it is a fraction of the quota';
  const limits = defined({ perSecond: own.rate, perDay: own.quota, reserve: own.reserve });
  const redirectUri = own.redirectUri ?? callbackUrl;
  const isRepeated = adapter.redirectUriAtRefresh === true;
  if (isRepeated && redirectUri === null && own.parameters?.['redirect_uri'] === undefined)
    return `: ${adapter.displayName} requires the redirect URI of the consent at each refresh, and the environment "${name}" has none. Set redirectUri, or set PUBLIC_URL so that Evergrant uses its callback URL`;
  const extra = {
    ...(isRepeated && redirectUri !== null ? { redirect_uri: redirectUri } : {}),
    ...(own.scopes === undefined ? {} : { scope: own.scopes.join(scopeSeparator) }),
    ...own.parameters,
  };
  return {
    clientId,
    ...defined({
      clientSecret: secretOf(own.clientSecret),
      privateKey: secretOf(own.privateKey),
      keyId: own.keyId,
      clientAuthentication: own.clientAuthentication,
      tokenEndpoint,
      introspectionEndpoint: own.introspectionEndpoint,
      ...otherEndpoints(adapter, name, own),
      redirectUri: own.redirectUri,
      consentScopes: own.consentScopes,
      consentParameters: own.consentParameters,
      parameters: Object.keys(extra).length === 0 ? undefined : extra,
      limits: Object.keys(limits).length === 0 ? undefined : limits,
    }),
  };
}

/**
 * The adapter's endpoints belong to its own token endpoint. A configured token endpoint is another server, so its
 * consent, refreshes and validations must not take place at the adapter's, which would receive its tokens.
 */
function otherEndpoints(
  { consent, tokenEndpoints, refreshEndpoints, validation, grants }: ProviderAdapter,
  name: string,
  own: EnvironmentEntry,
): Defined<Partial<EnvironmentConfig>> {
  const isOwnServer = own.tokenEndpoint === undefined || own.tokenEndpoint === tokenEndpoints[name];
  const known = isOwnServer ? consent : undefined;
  const audience = grants?.jwt_bearer?.audiences?.[name];
  const { revocation, subject } = known ?? {};
  const beside =
    own.tokenEndpoint === undefined
      ? null
      : (consent?.authorizationEndpointBeside?.(own.tokenEndpoint) ?? null);
  return defined({
    refreshEndpoint: isOwnServer ? refreshEndpoints?.[name] : undefined,
    validationEndpoint:
      own.validationEndpoint ?? (isOwnServer ? validation?.endpoints[name] : undefined),
    authorizationEndpoint:
      own.authorizationEndpoint ?? known?.authorizationEndpoints[name] ?? beside ?? undefined,
    revocationEndpoint:
      own.revocationEndpoint ??
      (revocation?.kind === 'rfc7009' ? revocation.endpoints[name] : undefined),
    identityEndpoint:
      own.identityEndpoint ?? (subject?.kind === 'request' ? subject.endpoints[name] : undefined),
    issuer: own.issuer ?? known?.issuers?.[name],
    hasOtherTokenEndpoint: isOwnServer || audience === undefined ? undefined : true,
  });
}

/** An empty text means that no secret is set. */
function secretOf(text: string | undefined): Secret | undefined {
  return text === undefined || text === '' ? undefined : new Secret(text);
}

function canValidate(environment: EnvironmentConfig): boolean {
  const { validationEndpoint, introspectionEndpoint, issuer } = environment;
  return [validationEndpoint, introspectionEndpoint, issuer].some((one) => one !== undefined);
}

function policyOf(entry: Entry, base: RefreshPolicy): RefreshPolicy {
  const sweepEveryMs = entry.sweepEvery ?? base.sweepEveryMs;
  return {
    enabled: entry.enabled ?? base.enabled,
    sweepEveryMs,
    perAccountUpTo: entry.perAccountUpTo ?? base.perAccountUpTo,
    batchesAtOnce: entry.batchesAtOnce ?? base.batchesAtOnce,
    refreshBeforeMs: entry.refreshBefore ?? base.refreshBeforeMs,
    notBeforeMs: entry.notBefore ?? base.notBeforeMs,
    refreshAfterAgeMs:
      entry.refreshAfterAge === 'never' ? null : (entry.refreshAfterAge ?? base.refreshAfterAgeMs),
    jitterMs: entry.jitter === 'none' ? 0 : (entry.jitter ?? sweepEveryMs / 2),
    backOffFirstMs: entry.backOff?.first ?? base.backOffFirstMs,
    backOffMaxMs: entry.backOff?.max ?? base.backOffMaxMs,
    validateEveryMs:
      entry.validateEvery === undefined
        ? base.validateEveryMs
        : validationInterval(entry.validateEvery),
  };
}

/** Returns the validation interval in ms. 0: in every sweep. `null`: never. */
export function validationInterval(stated: number | 'sweep' | 'never'): number | null {
  if (stated === 'never') return null;
  return stated === 'sweep' ? 0 : stated;
}

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

function defined<T extends object>(members: T): Defined<T>;
function defined(members: object): object {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined));
}
