/** One entry of `providers.yaml`, checked and put together with what its adapter knows. */

import ms, { type StringValue } from 'ms';
import { z } from 'zod';
import type { LaneRule } from './domain/lane';
import type { RefreshFailureCode } from './domain/refresh-failure';
import type { RefreshPolicy } from './domain/refresh-policy';
import type { ReplayRule } from './domain/replay';
import { Secret } from './domain/secret';
import {
  CLIENT_AUTHENTICATION_METHODS,
  type ClientAuthenticationMethod,
  credentialOf,
  privateKeyProblem,
} from './providers/client-authentication';
import type { ProviderAdapter } from './providers/provider';
import { adapterIds, findAdapter } from './providers/registry';
import { isSecure } from './providers/token-endpoint';

/** One environment: an OAuth app and the server it belongs to. What is absent is as the adapter says. */
export interface EnvironmentConfig {
  clientId: string;
  clientSecret?: Secret;
  privateKey?: Secret;
  keyId?: string;
  clientAuthentication?: ClientAuthenticationMethod;
  tokenEndpoint?: string;
  /** Where an access token is shown to learn whether it works. */
  validationEndpoint?: string;
  introspectionEndpoint?: string;
  issuer?: string;
  parameters?: Record<string, string>;
  /** What may be sent for this app; the rest is as for all. */
  lane?: Partial<LaneRule>;
}

export interface ProviderConfig {
  id: string;
  adapter: string;
  policy: RefreshPolicy;
  replayRule?: ReplayRule;
  accessTokenLifeSeconds?: number;
  refreshTokenLifeSeconds?: number | null;
  failureCodes?: Record<string, RefreshFailureCode>;
  environments: Record<string, EnvironmentConfig>;
}

const isDuration = (text: string): text is StringValue => /^\d+(\.\d+)?\s*(ms|s|m|h|d)$/.test(text);

/** `90s`, `10m`, `1h`, in milliseconds. */
export const duration = z.string().transform((text, context) => {
  const value = isDuration(text) ? ms(text) : undefined;
  if (value === undefined || value <= 0) {
    context.addIssue(`must be a duration such as 90s, 10m or 1h, not "${text}"`);
    return z.NEVER;
  }
  return value;
});

/** Where secrets are sent to, or keys that decide are had from. */
export const secureUrl = z
  .url({ error: 'must be a URL', abort: true })
  .refine((text) => isSecure(new URL(text)), 'must begin with https:// (http:// on this machine)');

const seconds = duration.transform((value) => value / 1000);

const replayRule = z.string().transform((text, context): ReplayRule => {
  if (text === 'safe' || text === 'until_successor_used' || text === 'never') return { kind: text };
  if (isDuration(text) && ms(text) > 0) return { kind: 'within', seconds: ms(text) / 1000 };
  context.addIssue('must be safe, never, until_successor_used, or a duration such as 30s');
  return z.NEVER;
});

/** `20/s` */
const rate = z
  .string()
  .regex(/^\d+(\.\d+)?\s*\/\s*s$/, 'must be requests a second, such as 20/s')
  .transform(parseFloat)
  .refine((perSecond) => perSecond > 0, 'must be more than 0');

/** `50000/day` */
const quota = z
  .string()
  .regex(/^[1-9]\d*\s*\/\s*day$/, 'must be requests a day, such as 50000/day')
  .transform((text) => Number.parseInt(text, 10));

/** `10%`, as a part of one. */
const reserve = z
  .string()
  .regex(/^\d{1,2}(\.\d+)?\s*%$/, 'must be a part of the quota, such as 10%')
  .transform((text) => Number.parseFloat(text) / 100);

/** What belongs to the exchange itself is not for a configuration to change. */
const RESERVED_PARAMETERS = new Set([
  'grant_type',
  'refresh_token',
  'client_id',
  'client_secret',
  'client_assertion',
  'client_assertion_type',
]);

const parameters = z
  .record(z.string(), z.string())
  .refine(
    (given) => Object.keys(given).every((name) => !RESERVED_PARAMETERS.has(name)),
    `must not hold ${[...RESERVED_PARAMETERS].join(', ')}`,
  );

/** What may be said of one environment, and at the top of the entry of the default one. */
const environmentMembers = {
  clientId: z.string().optional(),
  clientSecret: z.string().optional(),
  clientAuthentication: z.enum(CLIENT_AUTHENTICATION_METHODS).optional(),
  privateKey: z.string().optional(),
  keyId: z.string().optional(),
  tokenEndpoint: secureUrl.optional(),
  validationEndpoint: secureUrl.optional(),
  introspectionEndpoint: secureUrl.optional(),
  issuer: secureUrl.optional(),
  parameters: parameters.optional(),
  scopes: z.array(z.string().regex(/^\S+$/, 'must be one scope each')).optional(),
  rate: rate.optional(),
  quota: quota.optional(),
  reserve: reserve.optional(),
};
const environmentSchema = z.strictObject(environmentMembers);

/** More is no gain: the sweep that starts and awaits them is one workflow. */
const BATCHES_AT_ONCE_MAX = 64;

const providerSchema = z.strictObject({
  ...environmentMembers,
  adapter: z.string().optional(),
  sweepEvery: duration.optional(),
  perAccountUpTo: z.int().min(0).optional(),
  batchesAtOnce: z.int().min(1).max(BATCHES_AT_ONCE_MAX).optional(),
  refreshBefore: duration.optional(),
  refreshAfterAge: z.union([duration, z.literal('never')]).optional(),
  enabled: z.boolean().optional(),
  jitter: z.union([z.literal('none'), duration]).optional(),
  backOff: z.strictObject({ first: duration.optional(), max: duration.optional() }).optional(),
  validateEvery: z.union([duration, z.enum(['sweep', 'never'])]).optional(),
  replay: replayRule.optional(),
  accessTokenLife: seconds.optional(),
  refreshTokenLife: z.union([seconds, z.literal('unknown')]).optional(),
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
        'provider_unavailable',
      ]),
    )
    .optional(),
  environments: z.record(z.string(), environmentSchema).optional(),
});

type Entry = z.infer<typeof providerSchema>;
type EnvironmentEntry = z.infer<typeof environmentSchema>;

/** So many are soon through with a workflow each. */
const PER_ACCOUNT_UP_TO = 500;
/** Enough for several workers to take part. */
const BATCHES_AT_ONCE = 4;
const BACK_OFF_FIRST_MS = 10_000;
const BACK_OFF_MAX_MS = 60 * 60_000;

/** The policy of a provider about which nothing is said. */
export function defaultPolicy(adapterId: string, refreshIntervalMs: number | null): RefreshPolicy {
  const adapter = findAdapter(adapterId);
  if (adapter === undefined) throw new TypeError(`no adapter named "${adapterId}"`);
  const sweepEveryMs = refreshIntervalMs ?? adapter.defaultPolicy.sweepEveryMs;
  return {
    ...adapter.defaultPolicy,
    enabled: true,
    sweepEveryMs,
    perAccountUpTo: PER_ACCOUNT_UP_TO,
    batchesAtOnce: BATCHES_AT_ONCE,
    jitterMs: sweepEveryMs / 2,
    backOffFirstMs: BACK_OFF_FIRST_MS,
    backOffMaxMs: BACK_OFF_MAX_MS,
  };
}

/** Adds what is wrong with the entry to `problems`, each beginning with the entry's name. */
export function readProvider(
  id: string,
  raw: unknown,
  refreshIntervalMs: number | null,
  problems: string[],
): ProviderConfig | null {
  const problem = (text: string): null => {
    problems.push(`providers.${id}${text}`);
    return null;
  };
  if (!/^[a-z][a-z0-9-]{0,31}$/.test(id))
    return problem(': a provider is named in lower-case letters, digits and "-"');
  const parsed = providerSchema.safeParse(raw ?? {});
  if (!parsed.success) {
    for (const issue of parsed.error.issues)
      problem(`${issue.path.map((part) => `.${String(part)}`).join('')}: ${issue.message}`);
    return null;
  }
  const entry = parsed.data;
  const adapterId = entry.adapter ?? id;
  const adapter = findAdapter(adapterId);
  if (adapter === undefined)
    return problem(`: there is no adapter "${adapterId}"; there are: ${adapterIds().join(', ')}`);

  const environments: ProviderConfig['environments'] = {};
  for (const [name, own] of environmentsOf(adapter, entry)) {
    const environment = readEnvironment(adapter, name, own);
    if (typeof environment === 'string') return problem(environment);
    environments[name] = environment;
  }
  const policy = policyOf(entry, defaultPolicy(adapterId, refreshIntervalMs));
  if (policy.validateEveryMs !== null && !Object.values(environments).some(canValidate))
    return problem('.validateEvery: needs a validationEndpoint, introspectionEndpoint or issuer');
  return {
    id,
    adapter: adapterId,
    environments,
    policy,
    ...defined({
      replayRule: entry.replay,
      accessTokenLifeSeconds: entry.accessTokenLife,
      refreshTokenLifeSeconds: entry.refreshTokenLife === 'unknown' ? null : entry.refreshTokenLife,
      failureCodes: entry.errorCodes,
    }),
  };
}

/** Another environment is another OAuth app: it never inherits the credentials of the default one by accident. */
function environmentsOf(adapter: ProviderAdapter, entry: Entry): [string, EnvironmentEntry][] {
  const atTop = Object.fromEntries(
    Object.entries(entry).filter(([member]) => Object.hasOwn(environmentMembers, member)),
  );
  const own = { ...entry.environments };
  const byDefault = { ...defined(atTop), ...defined(own[adapter.defaultEnvironment] ?? {}) };
  return Object.entries({ ...own, [adapter.defaultEnvironment]: byDefault });
}

/** @returns the environment, or the sentence that says what is wrong with it */
function readEnvironment(
  adapter: ProviderAdapter,
  name: string,
  own: EnvironmentEntry,
): EnvironmentConfig | string {
  const method = own.clientAuthentication ?? adapter.clientAuthenticationMethods[0];
  if (!adapter.clientAuthenticationMethods.includes(method)) {
    const accepted = adapter.clientAuthenticationMethods.join(', ');
    return `: ${adapter.displayName} does not take clientAuthentication ${method}; it takes: ${accepted}`;
  }
  if (own.issuer !== undefined && adapter.discovery !== true)
    return ': issuer is for the adapter oauth2; here the token endpoint is known';
  if (own.introspectionEndpoint !== undefined && adapter.discovery !== true)
    return ': introspectionEndpoint is for the adapter oauth2; here validationEndpoint can be set';
  const credential = credentialOf(method);
  const { clientId } = own;
  const tokenEndpoint = own.tokenEndpoint ?? adapter.tokenEndpoints[name];
  if (
    clientId === undefined ||
    (credential !== null && own[credential] === undefined) ||
    (tokenEndpoint === undefined && own.issuer === undefined)
  ) {
    const needs = ['clientId', ...(credential === null ? [] : [credential])].join(', ');
    const address = adapter.discovery ? 'a tokenEndpoint or an issuer' : 'a tokenEndpoint';
    return `: the environment "${name}" needs ${needs} and ${address}`;
  }
  if (method === 'private_key_jwt') {
    const wrong = privateKeyProblem(own.privateKey ?? '');
    if (wrong !== null) return `.privateKey: ${wrong}`;
  }
  if (own.reserve !== undefined && own.quota === undefined)
    return '.reserve: is a part of the quota, and needs one';
  const lane = defined({ perSecond: own.rate, perDay: own.quota, reserve: own.reserve });
  const extra = {
    ...(own.scopes === undefined ? {} : { scope: own.scopes.join(adapter.scopeSeparator ?? ' ') }),
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
      validationEndpoint: own.validationEndpoint ?? adapter.validation?.endpoints[name],
      introspectionEndpoint: own.introspectionEndpoint,
      issuer: own.issuer,
      parameters: Object.keys(extra).length === 0 ? undefined : extra,
      lane: Object.keys(lane).length === 0 ? undefined : lane,
    }),
  };
}

/** What is left empty is no secret. */
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

/** How often is validated: 0 is in every sweep, `null` never. */
export function validationInterval(stated: number | 'sweep' | 'never'): number | null {
  if (stated === 'never') return null;
  return stated === 'sweep' ? 0 : stated;
}

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

/** Without the members that are not there. */
function defined<T extends object>(members: T): Defined<T>;
function defined(members: object): object {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined));
}
