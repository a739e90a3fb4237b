/**
 * Configuration: the environment and `providers.yaml`, read and checked once at start. Nothing else reads
 * `process.env` but the command line, by the same rule in `cli/settings.ts`; a bad value stops the process with one
 * line for each value.
 */
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { type ClientConnectConfig, loadClientConnectConfig } from '@temporalio/envconfig';
import { z } from 'zod';
import { ORGANISATION_NAME } from './domain/organisation';
import { Secret } from './domain/secret';
import { DELIVERY_POLICY, type DeliveryPolicy } from './domain/webhook-delivery';
import { duration, type ProviderConfig, readProviders, secureUrl } from './providers-file';
import { KeyRing, KeyRingError } from './vault/key-ring';
import { KeySourceError, keySourceOf } from './vault/key-source';

export interface Config {
  /** `null`: not set, an embedded one may be started. */
  mongodbUri: string | null;
  temporal: {
    /** `null`: not set, an embedded one may be started. */
    connection: ClientConnectConfig['connectionOptions'] | null;
    namespace: string;
    taskQueue: string;
    /** Of Temporal's own web UI; `null`: not set, the embedded one's is known. */
    uiUrl: string | null;
  };
  encryptionKeys: KeyRing | null;
  /** Ids of keys that are gone for good: what they sealed is given up, and does not stop the start. */
  lostKeyIds: readonly string[];
  adminApiKey: Secret | null;
  adminOrganisation: string;
  internalApiKey: Secret | null;
  /** `null`: no JWT is accepted. */
  jwt: JwtConfig | null;
  /** Signing in with an OpenID provider; `null`: with keys only. */
  oidc: OidcConfig | null;
  webhooks: WebhookConfig;
  host: string;
  /** `null`: not set; 3000, or a free one where `npm start` finds it taken. */
  port: number | null;
  logLevel: LogLevel;
  logRetentionDays: number;
  auditRetentionDays: number;
  dataDir: string;
  cacheDir: string;
  /** What embedded engines and their builds may see of the environment: no secret of ours. */
  engineEnvironment: NodeJS.ProcessEnv;
  providers: ProviderConfig[];
  /** Entries of the file none of whose `${NAME}`s are set: named at start, and left out. */
  unconfiguredProviders: { id: string; missing: string[] }[];
  /** The trial's own provider, used where none is configured. */
  sandboxAccessTokenLifeSeconds: number | null;
  /** Applied to the trial's provider as to every configured one. */
  refreshIntervalMs: number | null;
}

export interface WebhookConfig {
  /** Endpoints may be on this machine and in private networks, over plain HTTP: for development and tests. */
  allowPrivateAddresses: boolean;
  delivery: DeliveryPolicy;
}

/** Whose JWTs open the API. */
export interface JwtConfig {
  /** Shared with the issuer (HMAC), or published by it (a JWKS). */
  keys: { secret: Secret } | { jwksUrl: string };
  /** What `iss` and `aud` must be; `null`: anything. */
  issuer: string | null;
  audience: string | null;
  /** The claims that may name the organisation; the first that is there counts. */
  organisationClaims: readonly string[];
}

export interface OidcConfig {
  issuer: URL;
  clientId: string;
  /** `null`: a public client. */
  clientSecret: Secret | null;
  /** Where people reach the pages; `null`: where their request went. */
  publicUrl: URL | null;
  /** The organisation of all who sign in so, or the claim of the ID token that names it. */
  organisation: { fixed: string } | { claim: string };
  /** The claim that lists scopes; `null`: all may look, and none act. */
  scopesClaim: string | null;
}

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** One line for each value that is wrong, saying what to do. */
export class ConfigError extends Error {
  override name = 'ConfigError';
  readonly problems: readonly string[];
  constructor(problems: readonly string[]) {
    super(
      `The configuration is not usable:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`,
    );
    this.problems = problems;
  }
}

const apiKey = z
  .string()
  .min(16, 'must be at least 16 characters long, e.g. from: openssl rand -base64 32');

const organisation = z
  .string()
  .regex(ORGANISATION_NAME, 'must be 1–64 letters, digits, ".", "_" or "-"');

const webAddress = z
  .url({ protocol: /^https?$/, error: 'must be an address, e.g. https://login.example.com' })
  .transform((text) => new URL(text));

const environmentSchema = z.object({
  MONGODB_URI: z
    .string()
    .regex(/^mongodb(\+srv)?:\/\//, 'must start with mongodb:// or mongodb+srv://')
    .optional(),
  TEMPORAL_TASK_QUEUE: z.string().default('evergrant'),
  TEMPORAL_UI_URL: z
    .url({ protocol: /^https?$/, error: 'must be a URL that begins with http:// or https://' })
    .optional(),
  // One of these three, read by `vault/key-source.ts`.
  ENCRYPTION_KEYS: z.string().optional(),
  ENCRYPTION_KEYS_FILE: z.string().optional(),
  ENCRYPTION_KEYS_COMMAND: z.string().optional(),
  ENCRYPTION_KEYS_LOST: z
    .string()
    .transform((text) => text.split(',').map((id) => id.trim()))
    .optional(),
  ADMIN_API_KEY: apiKey.optional(),
  JWT_SECRET: z
    .string()
    .min(32, 'must be at least 32 characters long, e.g. from: openssl rand -base64 48')
    .optional(),
  JWKS_URL: secureUrl
    .refine((text) => new URL(text).username === '', 'must hold no user name and no password')
    .optional(),
  JWT_ISSUER: z.string().optional(),
  JWT_AUDIENCE: z.string().optional(),
  JWT_ORGANISATION_CLAIM: z.string().optional(),
  ADMIN_ORGANISATION: organisation.default('default'),
  INTERNAL_API_KEY: apiKey.optional(),
  OIDC_ISSUER: webAddress
    .refine(
      ({ protocol, hostname }) =>
        protocol === 'https:' || /^(localhost|127\.0\.0\.1|\[::1\])$/.test(hostname),
      'must be https (http on this machine alone)',
    )
    .optional(),
  OIDC_CLIENT_ID: z.string().optional(),
  OIDC_CLIENT_SECRET: z.string().optional(),
  OIDC_ORGANISATION: organisation.optional(),
  OIDC_ORGANISATION_CLAIM: z.string().optional(),
  OIDC_SCOPES_CLAIM: z.string().optional(),
  PUBLIC_URL: webAddress.optional(),
  WEBHOOKS_ALLOW_PRIVATE_ADDRESSES: z
    .enum(['true', 'false'], 'must be true or false')
    .default('false')
    .transform((text) => text === 'true'),
  HOST: z.string().default('127.0.0.1'),
  PORT: z.coerce.number('must be a port number').int().min(0).max(65535).optional(),
  LOG_LEVEL: z.enum(LOG_LEVELS, `must be one of ${LOG_LEVELS.join(', ')}`).default('info'),
  LOG_RETENTION_DAYS: z.coerce
    .number('must be a number of days')
    .positive('must be more than 0')
    .max(36_500, 'must be at most 36500 (a hundred years)')
    .default(30),
  AUDIT_RETENTION_DAYS: z.coerce
    .number('must be a number of days')
    .positive('must be more than 0')
    .max(36_500, 'must be at most 36500 (a hundred years)')
    .default(400),
  DATA_DIR: z.string().default('./data'),
  PROVIDERS_FILE: z.string().optional(),
  REFRESH_INTERVAL_MINUTES: z.coerce
    .number('must be a number of minutes')
    .positive('must be more than 0')
    .optional(),
  SANDBOX_ACCESS_TOKEN_LIFE: duration.optional(),
});

/**
 * Reads the configuration.
 * @throws {ConfigError} with everything that is wrong, not only the first.
 */
export function loadConfig(environment: NodeJS.ProcessEnv = process.env): Config {
  // An empty variable is an unset one: that is how compose files and shells pass what is not there.
  const set = Object.fromEntries(
    Object.entries(environment).filter(
      (pair): pair is [string, string] => pair[1] !== undefined && pair[1] !== '',
    ),
  );
  const problems: string[] = [];
  const parsed = environmentSchema.safeParse(set);
  if (!parsed.success)
    problems.push(
      ...parsed.error.issues.map((issue) => `${issue.path.join('.')} ${issue.message}`),
    );

  if (set['JWT_SECRET'] !== undefined && set['JWKS_URL'] !== undefined)
    problems.push('JWT_SECRET and JWKS_URL are both set: keep the one that your issuer uses');

  const encryptionKeys = readEncryptionKeys(set, problems);
  const oidc = parsed.success ? readOidc(parsed.data, problems) : null;
  const refreshIntervalMinutes = parsed.data?.REFRESH_INTERVAL_MINUTES;
  const refreshIntervalMs =
    refreshIntervalMinutes === undefined ? null : refreshIntervalMinutes * 60_000;
  const { providers, unconfigured } = readProviders(set, refreshIntervalMs, problems);
  const temporal = readTemporal(set, problems);
  if (!parsed.success || problems.length > 0) throw new ConfigError(problems);
  const env = parsed.data;
  return {
    mongodbUri: env.MONGODB_URI ?? null,
    temporal: {
      ...temporal,
      taskQueue: env.TEMPORAL_TASK_QUEUE,
      uiUrl: env.TEMPORAL_UI_URL ?? null,
    },
    encryptionKeys,
    lostKeyIds: env.ENCRYPTION_KEYS_LOST ?? [],
    adminApiKey: secretOf(env.ADMIN_API_KEY),
    adminOrganisation: env.ADMIN_ORGANISATION,
    internalApiKey: secretOf(env.INTERNAL_API_KEY),
    jwt: jwtConfig(env),
    oidc,
    webhooks: {
      allowPrivateAddresses: env.WEBHOOKS_ALLOW_PRIVATE_ADDRESSES,
      delivery: DELIVERY_POLICY,
    },
    host: env.HOST,
    port: env.PORT ?? null,
    logLevel: env.LOG_LEVEL,
    logRetentionDays: env.LOG_RETENTION_DAYS,
    auditRetentionDays: env.AUDIT_RETENTION_DAYS,
    dataDir: resolve(env.DATA_DIR),
    cacheDir: join(set['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'evergrant'),
    engineEnvironment: engineEnvironment(set),
    providers,
    unconfiguredProviders: unconfigured,
    sandboxAccessTokenLifeSeconds:
      env.SANDBOX_ACCESS_TOKEN_LIFE === undefined ? null : env.SANDBOX_ACCESS_TOKEN_LIFE / 1000,
    refreshIntervalMs,
  };
}

function readEncryptionKeys(
  environment: Record<string, string>,
  problems: string[],
): Config['encryptionKeys'] {
  let setting: string | null = null;
  try {
    const source = keySourceOf(environment);
    if (source === null) return null;
    ({ setting } = source);
    return KeyRing.parse(source.read());
  } catch (error) {
    if (!(error instanceof KeyRingError || error instanceof KeySourceError)) throw error;
    problems.push(setting === null ? error.message : `${setting} ${error.message}`);
    return null;
  }
}

function secretOf(text: string | undefined): Secret | null {
  return text === undefined ? null : new Secret(text);
}

function jwtConfig(env: z.infer<typeof environmentSchema>): JwtConfig | null {
  const { JWT_SECRET: secret, JWKS_URL: jwksUrl, JWT_ORGANISATION_CLAIM: claim } = env;
  const keys =
    secret !== undefined
      ? { secret: new Secret(secret) }
      : jwksUrl !== undefined
        ? { jwksUrl }
        : null;
  if (keys === null) return null;
  return {
    keys,
    issuer: env.JWT_ISSUER ?? null,
    audience: env.JWT_AUDIENCE ?? null,
    organisationClaims: claim === undefined ? ['organisation', 'org_id'] : [claim],
  };
}

function readOidc(env: z.infer<typeof environmentSchema>, problems: string[]): Config['oidc'] {
  const { OIDC_ISSUER: issuer, OIDC_CLIENT_ID: clientId } = env;
  if (issuer === undefined) return null;
  if (clientId === undefined) problems.push('OIDC_CLIENT_ID must be set beside OIDC_ISSUER');
  const { OIDC_ORGANISATION: fixed, OIDC_ORGANISATION_CLAIM: claim } = env;
  if ((fixed === undefined) === (claim === undefined)) {
    problems.push(
      'OIDC_ORGANISATION (the organisation of all who sign in) or OIDC_ORGANISATION_CLAIM (the claim that names it) must be set beside OIDC_ISSUER, and not both',
    );
  }
  return {
    issuer,
    clientId: clientId ?? '',
    clientSecret: secretOf(env.OIDC_CLIENT_SECRET),
    publicUrl: env.PUBLIC_URL ?? null,
    organisation: fixed === undefined ? { claim: claim ?? '' } : { fixed },
    scopesClaim: env.OIDC_SCOPES_CLAIM ?? null,
  };
}

function readTemporal(
  environment: Record<string, string>,
  problems: string[],
): Pick<Config['temporal'], 'connection' | 'namespace'> {
  // A profile in the home directory must not send a trial to somebody's production cluster: a file counts only if named.
  const disableFile =
    environment['TEMPORAL_CONFIG_FILE'] === undefined &&
    environment['TEMPORAL_PROFILE'] === undefined;
  const file = environment['TEMPORAL_CONFIG_FILE'];
  if (file !== undefined && !existsSync(file))
    problems.push(`TEMPORAL_CONFIG_FILE: ${file} does not exist`);
  try {
    const { connectionOptions, namespace } = loadClientConnectConfig({
      overrideEnvVars: environment,
      disableFile,
    });
    return {
      connection: connectionOptions.address === undefined ? null : connectionOptions,
      namespace: namespace ?? 'default',
    };
  } catch (error) {
    problems.push(`TEMPORAL_…: ${error instanceof Error ? error.message : 'unreadable'}`);
    return { connection: null, namespace: 'default' };
  }
}

const FOR_ENGINES =
  /^(PATH|HOME|USER|SHELL|LANG|LC_\w+|TZ|TMPDIR|TEMP|TMP|SystemRoot|USERPROFILE|APPDATA|LOCALAPPDATA|XDG_\w+|GO\w+|CGO_\w+|JAVA_\w+|JDK_\w+|MAVEN_\w+|MONGOMS_\w+|SSL_CERT_\w+|NODE_EXTRA_CA_CERTS|(https?|no|all)_proxy)$/i;

function engineEnvironment(set: Record<string, string>): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(set).filter(([name]) => FOR_ENGINES.test(name)));
}
