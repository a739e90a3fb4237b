/**
 * Configuration: the environment and `providers.yaml`, read and validated once at start. Only the command line also
 * reads `process.env`, in `cli/settings.ts`. Invalid values stop the start with one line per value.
 */
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { type ClientConnectConfig, loadClientConnectConfig } from '@temporalio/envconfig';
import { z } from 'zod';
import { type Network, parseNetwork } from '../domain/access/network';
import { ORGANISATION_NAME } from '../domain/access/organisation';
import type { ConnectDefaults } from '../domain/connect/connect-settings';
import { DELIVERY_POLICY, type DeliveryPolicy } from '../domain/events/webhook-delivery';
import { Secret } from '../domain/masking/secret';
import { duration } from '../domain/text/duration';
import { LANGUAGES } from '../domain/text/language';
import { hasUserInfo } from '../domain/text/user-info';
import { type ProviderConfig, readProviders, secureUrl } from '../providers/config/providers-file';
import { INDEX_MODES } from '../store/store';
import { KeyRing, KeyRingError } from '../vault/key-ring';
import { KeySourceError, keySourceOf } from '../vault/key-source';
import { type Setting, settingsOf } from './settings';

export interface Config {
  /** `null`: not set; an embedded server may be started. */
  mongodbUri: string | null;
  temporal: {
    /** `null`: not set; an embedded server may be started. */
    connection: ClientConnectConfig['connectionOptions'] | null;
    namespace: string;
    taskQueue: string;
    /** The worker deployment version of this process; `null`: workers are not versioned. */
    deployment: { name: string; buildId: string } | null;
    /** Address of Temporal's web UI; `null`: not set. The embedded server's address is known if it runs. */
    uiUrl: string | null;
  };
  encryptionKeys: KeyRing | null;
  /** Ids of keys that are lost for good. Their records do not prevent the start, and their accounts must reconnect. */
  lostKeyIds: readonly string[];
  adminApiKey: Secret | null;
  adminOrganisation: string;
  internalApiKey: Secret | null;
  /** `null`: JWTs are not accepted. */
  jwt: JwtConfig | null;
  /** Sign-in with an OpenID provider; `null`: sign-in with keys only. */
  oidc: OidcConfig | null;
  /** The public address of the pages; `null`: the address that the request used. */
  publicUrl: URL | null;
  /** Proxies whose `X-Forwarded-…` and `Forwarded` headers are trusted. */
  trustedProxies: readonly Network[];
  webhooks: WebhookConfig;
  /** For organisations that have not set a value themselves. */
  connect: ConnectDefaults;
  /** `null`: owners get no e-mail. */
  mail: MailConfig | null;
  host: string;
  /** `null`: not set; then 3000, or a free port if `npm start` finds it in use. */
  port: number | null;
  /** The port for monitoring. `null`: not set; then 9464, or the next free port. `off`: no port, and nothing is recorded. */
  metrics: { host: string; port: number | 'off' | null };
  /** `null`: no traces, and no OpenTelemetry code is loaded. */
  tracing: TracingConfig | null;
  /** Whether the start builds missing indexes. */
  indexes: (typeof INDEX_MODES)[number];
  logLevel: LogLevel;
  logRetentionDays: number;
  auditRetentionDays: number;
  /** If set, no token is served unless its access can be recorded. */
  auditRequired: boolean;
  dataDir: string;
  cacheDir: string;
  /** Whether an embedded Temporal starts its web UI. */
  embeddedTemporalUi: boolean;
  /** Environment of embedded servers and their builds, without the secrets of Evergrant. */
  engineEnvironment: NodeJS.ProcessEnv;
  providers: ProviderConfig[];
  /** Entries of the file whose `${NAME}` variables are all unset. The start logs and ignores them. */
  unconfiguredProviders: { id: string; missing: string[] }[];
  /** For the provider of demo mode, which is used if none is configured. */
  sandboxAccessTokenLifeSeconds: number | null;
  /** Applied to demo mode's provider as to every configured one. */
  refreshIntervalMs: number | null;
  /** For the page of settings. */
  settings: readonly Setting[];
}

interface TracingConfig {
  /** The collector's address for traces. */
  url: string;
  /** The name of this process in traces; `null`: one that says what the process does. */
  serviceName: string | null;
}

interface MailConfig {
  smtpUrl: Secret;
  /** An address, or a name and an address in angle brackets. */
  from: string;
}

export interface WebhookConfig {
  /** Allows endpoints on this machine and in private networks, over plain HTTP; for development and tests. */
  allowPrivateAddresses: boolean;
  delivery: DeliveryPolicy;
}

/** The issuer whose JWTs the API accepts. */
export interface JwtConfig {
  /** Shared with the issuer (HMAC), or published by it (a JWKS). */
  keys: { secret: Secret } | { jwksUrl: string };
  /** Required values of `iss` and `aud`; `null`: any. */
  issuer: string | null;
  audience: string | null;
  /** Claims that may name the organisation; the first one present is used. */
  organisationClaims: readonly string[];
}

export interface OidcConfig {
  issuer: URL;
  clientId: string;
  /** `null`: a public client. */
  clientSecret: Secret | null;
  /** One organisation for everyone who signs in this way, or the ID token claim that names it. */
  organisation: { fixed: string } | { claim: string };
  /** The claim that lists scopes; `null`: everyone may read, and no one may act. */
  scopesClaim: string | null;
}

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** The message has one line per invalid value, with the remedy. */
export class ConfigError extends Error {
  override name = 'ConfigError';
  readonly problems: readonly string[];
  constructor(problems: readonly string[]) {
    super(
      `The configuration is invalid:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`,
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
  .url({ protocol: /^https?$/, error: 'must be a URL, e.g. https://login.example.com' })
  .transform((text) => new URL(text));

const networks = z.string().transform((text, context) =>
  text.split(',').map((one) => {
    const network = parseNetwork(one.trim());
    if (network !== null && network[1] > 0) return network;
    context.addIssue(
      network === null
        ? `must list IP addresses and networks such as 10.0.0.0/8, separated by commas; "${one.trim()}" is neither`
        : `must not contain "${one.trim()}", because then every client could claim any address`,
    );
    return z.NEVER;
  }),
);

const TRACES_SAMPLERS = [
  'always_on',
  'always_off',
  'traceidratio',
  'parentbased_always_on',
  'parentbased_always_off',
  'parentbased_traceidratio',
] as const;

const environmentSchema = z.object({
  MONGODB_URI: z
    .string()
    .regex(/^mongodb(\+srv)?:\/\//, 'must start with mongodb:// or mongodb+srv://')
    .optional(),
  TEMPORAL_TASK_QUEUE: z.string().default('evergrant'),
  // The names that Temporal's Worker Controller sets.
  TEMPORAL_DEPLOYMENT_NAME: z.string().optional(),
  TEMPORAL_WORKER_BUILD_ID: z.string().optional(),
  TEMPORAL_UI: z
    .enum(['true', 'false'], 'must be true or false')
    .default('false')
    .transform((text) => text === 'true'),
  TEMPORAL_UI_URL: z
    .url({ protocol: /^https?$/, error: 'must be a URL that begins with http:// or https://' })
    .optional(),
  // Alternatives; `vault/key-source.ts` reads them.
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
    .refine((text) => !hasUserInfo(new URL(text)), 'must not contain a user name or a password')
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
      'must be https (http only on this machine)',
    )
    .optional(),
  OIDC_CLIENT_ID: z.string().optional(),
  OIDC_CLIENT_SECRET: z.string().optional(),
  OIDC_ORGANISATION: organisation.optional(),
  OIDC_ORGANISATION_CLAIM: z.string().optional(),
  OIDC_SCOPES_CLAIM: z.string().optional(),
  PUBLIC_URL: webAddress.optional(),
  TRUSTED_PROXIES: networks.optional(),
  CONNECT_RETURN_URLS: z
    .string()
    .transform((text) => text.split(',').map((one) => one.trim()))
    .pipe(z.array(z.url({ protocol: /^https?$/, error: 'must list URLs, separated by commas' })))
    .optional(),
  CONNECT_ORGANISATION_NAME: z.string().max(100).optional(),
  CONNECT_LOGO_URL: webAddress.optional(),
  SMTP_URL: z
    .string()
    .regex(/^smtps?:\/\/[^/]/, 'must be a URL that begins with smtp:// or smtps://')
    .optional(),
  SMTP_FROM: z
    .string()
    .regex(
      /^[^\r\n]*[^\s@<>]+@[^\s@<>]+>?$/,
      'must be an address, such as Acme <accounts@example.com>',
    )
    .optional(),
  REMINDER_LANGUAGE: z.enum(LANGUAGES, `must be one of ${LANGUAGES.join(', ')}`).default('en'),
  WEBHOOKS_ALLOW_PRIVATE_ADDRESSES: z
    .enum(['true', 'false'], 'must be true or false')
    .default('false')
    .transform((text) => text === 'true'),
  HOST: z.string().default('127.0.0.1'),
  PORT: z.coerce.number('must be a port number').int().min(0).max(65535).optional(),
  METRICS_HOST: z.string().default('127.0.0.1'),
  METRICS_PORT: z
    .string()
    .regex(/^(off|\d+)$/, 'must be a port number, or off')
    .transform((text) => (text === 'off' ? text : Number(text)))
    .refine((port) => port === 'off' || port <= 65535, 'must be a port number, or off')
    .optional(),
  OTEL_EXPORTER_OTLP_ENDPOINT: z
    .url({
      protocol: /^https?$/,
      error: 'must be the base URL of a collector, e.g. http://localhost:4318',
      abort: true,
    })
    .refine(
      (text) => !hasUserInfo(new URL(text)),
      'must not contain a user name or a password: put credentials into OTEL_EXPORTER_OTLP_HEADERS',
    )
    .refine((text) => !/[?#]/.test(text), 'must not contain a query or a fragment')
    .optional(),
  OTEL_EXPORTER_OTLP_PROTOCOL: z
    .literal('http/protobuf', 'must be http/protobuf, the only protocol that Evergrant speaks')
    .optional(),
  OTEL_SERVICE_NAME: z.string().max(100).optional(),
  // OpenTelemetry reads these three itself, and silently ignores an invalid one.
  OTEL_EXPORTER_OTLP_HEADERS: z.string().optional(),
  OTEL_TRACES_SAMPLER: z
    .enum(TRACES_SAMPLERS, `must be one of ${TRACES_SAMPLERS.join(', ')}`)
    .optional(),
  OTEL_TRACES_SAMPLER_ARG: z.coerce
    .number('must be a number from 0 to 1')
    .min(0, 'must be a number from 0 to 1')
    .max(1, 'must be a number from 0 to 1')
    .optional(),
  INDEXES: z.enum(INDEX_MODES, `must be one of ${INDEX_MODES.join(', ')}`).default('apply'),
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
  AUDIT_REQUIRED: z
    .enum(['true', 'false'], 'must be true or false')
    .default('false')
    .transform((text) => text === 'true'),
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
 * @throws {ConfigError} with all problems, not only the first
 */
export function loadConfig(environment: NodeJS.ProcessEnv = process.env): Config {
  // An empty variable counts as unset, because compose files and shells pass absent values that way.
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
    problems.push('JWT_SECRET and JWKS_URL are both set: keep only the one that your issuer uses');

  const encryptionKeys = readEncryptionKeys(set, problems);
  const oidc = parsed.success ? readOidc(parsed.data, problems) : null;
  const mail = parsed.success ? readMail(parsed.data, problems) : null;
  const deployment = parsed.success ? readDeployment(parsed.data, problems) : null;
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
      deployment,
      uiUrl: env.TEMPORAL_UI_URL ?? null,
    },
    encryptionKeys,
    lostKeyIds: env.ENCRYPTION_KEYS_LOST ?? [],
    adminApiKey: secretOf(env.ADMIN_API_KEY),
    adminOrganisation: env.ADMIN_ORGANISATION,
    internalApiKey: secretOf(env.INTERNAL_API_KEY),
    jwt: jwtConfig(env),
    oidc,
    publicUrl: env.PUBLIC_URL ?? null,
    trustedProxies: env.TRUSTED_PROXIES ?? [],
    webhooks: {
      allowPrivateAddresses: env.WEBHOOKS_ALLOW_PRIVATE_ADDRESSES,
      delivery: DELIVERY_POLICY,
    },
    connect: {
      returnUrls: env.CONNECT_RETURN_URLS ?? [],
      organisationName: env.CONNECT_ORGANISATION_NAME ?? null,
      logo: env.CONNECT_LOGO_URL ?? null,
      language: env.REMINDER_LANGUAGE,
    },
    mail,
    host: env.HOST,
    port: env.PORT ?? null,
    metrics: { host: env.METRICS_HOST, port: env.METRICS_PORT ?? null },
    tracing: tracingConfig(env),
    indexes: env.INDEXES,
    logLevel: env.LOG_LEVEL,
    logRetentionDays: env.LOG_RETENTION_DAYS,
    auditRetentionDays: env.AUDIT_RETENTION_DAYS,
    auditRequired: env.AUDIT_REQUIRED,
    dataDir: resolve(env.DATA_DIR),
    cacheDir: join(set['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'evergrant'),
    embeddedTemporalUi: env.TEMPORAL_UI,
    engineEnvironment: engineEnvironment(set),
    providers,
    unconfiguredProviders: unconfigured,
    sandboxAccessTokenLifeSeconds:
      env.SANDBOX_ACCESS_TOKEN_LIFE === undefined ? null : env.SANDBOX_ACCESS_TOKEN_LIFE / 1000,
    refreshIntervalMs,
    settings: settingsOf(environmentSchema, set),
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

function tracingConfig(env: z.infer<typeof environmentSchema>): TracingConfig | null {
  const { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, OTEL_SERVICE_NAME: serviceName = null } = env;
  if (endpoint === undefined) return null;
  return { url: `${endpoint.replace(/\/+$/, '')}/v1/traces`, serviceName };
}

function readOidc(env: z.infer<typeof environmentSchema>, problems: string[]): Config['oidc'] {
  const { OIDC_ISSUER: issuer, OIDC_CLIENT_ID: clientId } = env;
  if (issuer === undefined) return null;
  if (clientId === undefined) problems.push('OIDC_CLIENT_ID must be set together with OIDC_ISSUER');
  const { OIDC_ORGANISATION: fixed, OIDC_ORGANISATION_CLAIM: claim } = env;
  if ((fixed === undefined) === (claim === undefined)) {
    problems.push(
      'either OIDC_ORGANISATION (one organisation for everyone who signs in) or OIDC_ORGANISATION_CLAIM (the claim that names it) must be set together with OIDC_ISSUER',
    );
  }
  return {
    issuer,
    clientId: clientId ?? '',
    clientSecret: secretOf(env.OIDC_CLIENT_SECRET),
    organisation: fixed === undefined ? { claim: claim ?? '' } : { fixed },
    scopesClaim: env.OIDC_SCOPES_CLAIM ?? null,
  };
}

function readDeployment(
  env: z.infer<typeof environmentSchema>,
  problems: string[],
): Config['temporal']['deployment'] {
  const { TEMPORAL_DEPLOYMENT_NAME: name, TEMPORAL_WORKER_BUILD_ID: buildId } = env;
  if (name !== undefined && buildId !== undefined) return { name, buildId };
  if (name !== undefined || buildId !== undefined)
    problems.push('TEMPORAL_DEPLOYMENT_NAME and TEMPORAL_WORKER_BUILD_ID must be set together');
  return null;
}

function readMail(env: z.infer<typeof environmentSchema>, problems: string[]): Config['mail'] {
  const { SMTP_URL: url, SMTP_FROM: from } = env;
  if (url === undefined) return null;
  if (from === undefined) problems.push('SMTP_FROM must be set together with SMTP_URL');
  if (env.PUBLIC_URL === undefined)
    problems.push(
      'PUBLIC_URL must be set together with SMTP_URL, because the e-mails contain links',
    );
  return { smtpUrl: new Secret(url), from: from ?? '' };
}

function readTemporal(
  environment: Record<string, string>,
  problems: string[],
): Pick<Config['temporal'], 'connection' | 'namespace'> {
  // The file must be named, because a Temporal profile in the home directory must not connect demo mode to production.
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

/** Variables that embedded servers and their builds may need. */
const FOR_ENGINES =
  /^(PATH|HOME|USER|SHELL|LANG|LC_\w+|TZ|TMPDIR|TEMP|TMP|SystemRoot|USERPROFILE|APPDATA|LOCALAPPDATA|XDG_\w+|GO\w+|CGO_\w+|JAVA_\w+|JDK_\w+|MAVEN_\w+|SSL_CERT_\w+|NODE_EXTRA_CA_CERTS|(https?|no|all)_proxy)$/i;

function engineEnvironment(set: Record<string, string>): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(set).filter(([name]) => FOR_ENGINES.test(name)));
}
