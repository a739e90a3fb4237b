/** The configuration: defaults, valid values, and the message for each invalid value. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Secret } from '../../src/domain/masking/secret';
import { type Config, ConfigError, loadConfig } from '../../src/process/config';
import { defaultPolicy } from '../../src/providers/config/providers-file';

const MINUTE = 60_000;
const KEY = Buffer.alloc(32, 1).toString('base64');
const EBAY = { EBAY_CLIENT_ID: 'an-ebay-client-id', EBAY_CLIENT_SECRET: 'an-ebay-client-secret' };

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'evergrant-config-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

type Environment = Record<string, string | undefined>;

/** Loads the configuration of an environment and a providers file. */
function load(environment: Environment = {}, providers = 'providers: {}'): Config {
  const file = join(folder, 'providers.yaml');
  writeFileSync(file, providers);
  return loadConfig({ PROVIDERS_FILE: file, ...environment });
}

/** Returns one line per problem; none if the configuration is valid. */
function problems(environment: Environment, providers?: string): readonly string[] {
  try {
    load(environment, providers);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
}

/** An `ebay` entry with these further lines. */
const ebay = (...lines: string[]) =>
  [
    'providers:',
    '  ebay:',
    '    clientId: ${EBAY_CLIENT_ID}',
    '    clientSecret: ${EBAY_CLIENT_SECRET}',
    ...lines.map((line) => `    ${line}`),
  ].join('\n');

/** Matches a secret with this text. `toEqual` cannot, because secrets have no members. */
const secret = (text: string) => ({
  $$typeof: Symbol.for('jest.asymmetricMatcher'),
  asymmetricMatch: (value: unknown) => value instanceof Secret && value.reveal() === text,
  toString: () => `secret ${text}`,
});

describe('an empty environment', () => {
  it('has a default for every setting', () => {
    expect(load()).toMatchObject({
      mongodbUri: null,
      temporal: { connection: null, namespace: 'default', taskQueue: 'evergrant' },
      encryptionKeys: null,
      adminApiKey: null,
      adminOrganisation: 'default',
      internalApiKey: null,
      jwt: null,
      webhooks: { allowPrivateAddresses: false },
      host: '127.0.0.1',
      port: null,
      logLevel: 'info',
      logRetentionDays: 30,
      auditRetentionDays: 400,
      dataDir: join(process.cwd(), 'data'),
      providers: [],
      unconfiguredProviders: [],
      sandboxAccessTokenLifeSeconds: null,
      refreshIntervalMs: null,
      embeddedTemporalUi: false,
    });
  });

  it('treats an empty variable as unset', () => {
    const names = ['MONGODB_URI', 'ENCRYPTION_KEYS', 'ADMIN_API_KEY', 'PORT', 'LOG_LEVEL', 'HOST'];
    const jwt = ['JWT_SECRET', 'JWKS_URL', 'JWT_ISSUER', 'JWT_AUDIENCE', 'JWT_ORGANISATION_CLAIM'];
    const more = ['TEMPORAL_ADDRESS', 'REFRESH_INTERVAL_MINUTES', 'LOG_RETENTION_DAYS', 'DATA_DIR'];
    const empty = Object.fromEntries([...names, ...jwt, ...more].map((name) => [name, '']));
    expect(load(empty)).toEqual(load());
  });
});

describe('a valid value', () => {
  it.each<[Environment, object]>([
    [{ MONGODB_URI: 'mongodb+srv://db/x' }, { mongodbUri: 'mongodb+srv://db/x' }],
    [{ TEMPORAL_TASK_QUEUE: 'q' }, { temporal: { taskQueue: 'q' } }],
    [
      { TEMPORAL_DEPLOYMENT_NAME: 'evergrant', TEMPORAL_WORKER_BUILD_ID: '1' },
      { temporal: { deployment: { name: 'evergrant', buildId: '1' } } },
    ],
    [
      { TEMPORAL_ADDRESS: 'temporal:7233' },
      { temporal: { connection: { address: 'temporal:7233' } } },
    ],
    [{ TEMPORAL_NAMESPACE: 'prod' }, { temporal: { namespace: 'prod', connection: null } }],
    [{ TEMPORAL_UI: 'true' }, { embeddedTemporalUi: true }],
    [{ PORT: '0' }, { port: 0 }],
    [{ PORT: '8080' }, { port: 8080 }],
    [{}, { metrics: { host: '127.0.0.1', port: null } }],
    [
      { METRICS_PORT: '9100', METRICS_HOST: '0.0.0.0' },
      { metrics: { host: '0.0.0.0', port: 9100 } },
    ],
    [{ METRICS_PORT: 'off' }, { metrics: { host: '127.0.0.1', port: 'off' } }],
    [{ OTEL_SERVICE_NAME: 'tokens' }, { tracing: null }],
    [
      { OTEL_EXPORTER_OTLP_ENDPOINT: 'https://collector.example/otlp/' },
      { tracing: { url: 'https://collector.example/otlp/v1/traces', serviceName: null } },
    ],
    [
      { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://localhost:4318', OTEL_SERVICE_NAME: 'tokens' },
      { tracing: { url: 'http://localhost:4318/v1/traces', serviceName: 'tokens' } },
    ],
    [{ LOG_LEVEL: 'debug' }, { logLevel: 'debug' }],
    [{ LOG_RETENTION_DAYS: '0.5' }, { logRetentionDays: 0.5 }],
    [{ AUDIT_RETENTION_DAYS: '3650' }, { auditRetentionDays: 3650 }],
    [{ ADMIN_ORGANISATION: 'acme_1.x-y' }, { adminOrganisation: 'acme_1.x-y' }],
    [{ REFRESH_INTERVAL_MINUTES: '3' }, { refreshIntervalMs: 3 * MINUTE }],
    [{ SANDBOX_ACCESS_TOKEN_LIFE: '90s' }, { sandboxAccessTokenLifeSeconds: 90 }],
    [{ XDG_CACHE_HOME: '/c' }, { cacheDir: '/c/evergrant' }],
    [{ DATA_DIR: '/d' }, { dataDir: '/d' }],
    [
      { JWT_SECRET: 's'.repeat(32) },
      {
        jwt: {
          keys: { secret: secret('s'.repeat(32)) },
          issuer: null,
          audience: null,
          organisationClaims: ['organisation', 'org_id'],
        },
      },
    ],
    [
      {
        JWKS_URL: 'https://id.example/jwks',
        JWT_ISSUER: 'https://id.example',
        JWT_AUDIENCE: 'evergrant',
        JWT_ORGANISATION_CLAIM: 'tenant',
      },
      {
        jwt: {
          keys: { jwksUrl: 'https://id.example/jwks' },
          issuer: 'https://id.example',
          audience: 'evergrant',
          organisationClaims: ['tenant'],
        },
      },
    ],
    [
      { JWKS_URL: 'http://127.0.0.1:8080/jwks' },
      { jwt: { keys: { jwksUrl: 'http://127.0.0.1:8080/jwks' } } },
    ],
    [{ JWT_ISSUER: 'https://id.example' }, { jwt: null }],
  ])('is accepted: %j', (environment, expected) => {
    expect(load(environment)).toMatchObject(expected);
  });

  it('of OIDC_ISSUER configures sign-in together with its required settings', () => {
    const OIDC_ISSUER = 'https://login.example.com';
    const oidc = { OIDC_ISSUER, OIDC_CLIENT_ID: 'evergrant' };
    expect(load({ ...oidc, OIDC_ORGANISATION: 'acme' }).oidc).toEqual({
      issuer: new URL(OIDC_ISSUER),
      clientId: 'evergrant',
      clientSecret: null,
      organisation: { fixed: 'acme' },
      scopesClaim: null,
    });
    expect(
      load({ ...oidc, OIDC_ORGANISATION_CLAIM: 'tenant', OIDC_SCOPES_CLAIM: 'roles' }).oidc,
    ).toMatchObject({ organisation: { claim: 'tenant' }, scopesClaim: 'roles' });
    expect(problems({ OIDC_ISSUER })).toEqual([
      'OIDC_CLIENT_ID must be set together with OIDC_ISSUER',
      expect.stringMatching(
        /^either OIDC_ORGANISATION .* or OIDC_ORGANISATION_CLAIM .* must be set together with OIDC_ISSUER$/,
      ),
    ]);
    const both = { OIDC_ORGANISATION: 'acme', OIDC_ORGANISATION_CLAIM: 'tenant' };
    expect(problems({ ...oidc, ...both })).toHaveLength(1);
  });

  it('of TRUSTED_PROXIES becomes a list of networks', () => {
    const text = '127.0.0.1, 10.0.0.0/8,fd00::/8 ,::ffff:192.0.2.0/120';
    const { trustedProxies } = load({ TRUSTED_PROXIES: text });
    expect(trustedProxies.map(([base, bits]) => `${base.toString()}/${bits}`)).toEqual([
      '127.0.0.1/32',
      '10.0.0.0/8',
      'fd00::/8',
      '192.0.2.0/24',
    ]);
    expect(load({}).trustedProxies).toEqual([]);
  });

  it('of ENCRYPTION_KEYS becomes the key ring', () => {
    expect(load({ ENCRYPTION_KEYS: `k2:${KEY},k1:${KEY}` }).encryptionKeys?.keyIds).toEqual([
      'k2',
      'k1',
    ]);
  });
});

const byName = (one: string, other: string) => one.localeCompare(other);

describe('an invalid value', () => {
  it.each<[string, string, RegExp]>([
    ['MONGODB_URI', 'db.example.com', /^MONGODB_URI must start with mongodb:\/\//],
    ['ENCRYPTION_KEYS', 'hunter2', /^ENCRYPTION_KEYS key 1 must be written kid:base64/],
    ['ENCRYPTION_KEYS', 'k1:aGVsbG8=', /^ENCRYPTION_KEYS key 1 .*must be 32 bytes in base64/],
    ['ADMIN_API_KEY', 'short', /^ADMIN_API_KEY must be at least 16 characters long, e\.g\. from/],
    ['INTERNAL_API_KEY', 'short', /^INTERNAL_API_KEY must be at least 16 characters long/],
    ['JWT_SECRET', 's'.repeat(31), /^JWT_SECRET must be at least 32 characters long, e\.g\. from/],
    [
      'TEMPORAL_UI_URL',
      'javascript:alert(1)',
      /^TEMPORAL_UI_URL must be a URL that begins with http/,
    ],
    ['TEMPORAL_UI', 'yes', /^TEMPORAL_UI must be true or false$/],
    ['JWKS_URL', 'id.example', /^JWKS_URL must be a URL/],
    ['JWKS_URL', 'http://id.example/jwks', /^JWKS_URL must begin with https:\/\/ \(http:\/\/ on/],
    [
      'JWKS_URL',
      'https://:pw@id.example/jwks',
      /^JWKS_URL must not contain a user name or a password/,
    ],
    ['JWKS_URL', 'https://u:p@id.example', /^JWKS_URL must not contain a user name or a password$/],
    ['ADMIN_ORGANISATION', 'a b', /^ADMIN_ORGANISATION must be 1–64 letters/],
    ['OIDC_ISSUER', 'login', /^OIDC_ISSUER must be a URL/],
    ['OIDC_ISSUER', 'http://login.example.com', /^OIDC_ISSUER must be https/],
    ['PUBLIC_URL', 'evergrant', /^PUBLIC_URL must be a URL/],
    [
      'TRUSTED_PROXIES',
      'proxy',
      /^TRUSTED_PROXIES must list IP addresses and networks .*"proxy" is neither/,
    ],
    ['TRUSTED_PROXIES', '10.0.0.1,,::1', /^TRUSTED_PROXIES must list .*"" is neither/],
    ['TRUSTED_PROXIES', '10.0.0.0/33', /^TRUSTED_PROXIES must list .*"10\.0\.0\.0\/33" is neither/],
    ['TRUSTED_PROXIES', '0.0.0.0/0', /^TRUSTED_PROXIES must not contain "0\.0\.0\.0\/0"/],
    ['TRUSTED_PROXIES', '::/0', /^TRUSTED_PROXIES must not contain "::\/0"/],
    ['PORT', 'http', /^PORT must be a port number/],
    ['PORT', '70000', /^PORT must be a port number/],
    ['PORT', '80.5', /^PORT must be a port number/],
    ['PORT', '-1', /^PORT must be a port number/],
    ['METRICS_PORT', 'on', /^METRICS_PORT must be a port number, or off$/],
    ['METRICS_PORT', '70000', /^METRICS_PORT must be a port number, or off$/],
    [
      'OTEL_EXPORTER_OTLP_ENDPOINT',
      'localhost:4318',
      /^OTEL_EXPORTER_OTLP_ENDPOINT must be the base/,
    ],
    ['OTEL_EXPORTER_OTLP_ENDPOINT', 'http://a:b@c', /must not contain a user name or a password/],
    ['OTEL_EXPORTER_OTLP_ENDPOINT', 'http://c/?key=1', /must not contain a query/],
    ['OTEL_EXPORTER_OTLP_PROTOCOL', 'grpc', /^OTEL_EXPORTER_OTLP_PROTOCOL must be http\/protobuf/],
    ['OTEL_TRACES_SAMPLER', 'some', /^OTEL_TRACES_SAMPLER must be one of always_on/],
    ['OTEL_TRACES_SAMPLER_ARG', '7', /^OTEL_TRACES_SAMPLER_ARG must be a number from 0 to 1$/],
    ['LOG_LEVEL', 'loud', /^LOG_LEVEL must be one of trace, debug, info/],
    ['AUDIT_RETENTION_DAYS', '0', /^AUDIT_RETENTION_DAYS must be more than 0/],
    ['LOG_RETENTION_DAYS', 'x', /^LOG_RETENTION_DAYS must be a number of days/],
    ['LOG_RETENTION_DAYS', '0', /^LOG_RETENTION_DAYS must be more than 0/],
    ['LOG_RETENTION_DAYS', '1e12', /^LOG_RETENTION_DAYS must be/],
    ['REFRESH_INTERVAL_MINUTES', 'often', /^REFRESH_INTERVAL_MINUTES must be a number of minutes/],
    ['REFRESH_INTERVAL_MINUTES', '-3', /^REFRESH_INTERVAL_MINUTES must be more than 0/],
    [
      'SANDBOX_ACCESS_TOKEN_LIFE',
      '90',
      /^SANDBOX_ACCESS_TOKEN_LIFE must be a duration such as 90s/,
    ],
    ['PROVIDERS_FILE', '/nonexistent/p.yaml', /^PROVIDERS_FILE: .*p\.yaml cannot be read$/],
  ])('is reported with the remedy: %s=%s', (name, value, message) => {
    const found = problems({ [name]: value });
    expect(found).toEqual([expect.stringMatching(message)]);
  });

  it('is reported if JWT_SECRET and JWKS_URL are both set', () => {
    const both = { JWT_SECRET: 's'.repeat(32), JWKS_URL: 'https://id.example/jwks' };
    expect(problems(both)).toEqual([
      'JWT_SECRET and JWKS_URL are both set: keep only the one that your issuer uses',
    ]);
  });

  it('is reported together with all other invalid values', () => {
    const bad = { MONGODB_URI: 'x', PORT: 'x', LOG_LEVEL: 'x', ADMIN_API_KEY: 'x' };
    const found = problems({ ...bad, ...EBAY }, ebay('sweepEvery: often', 'refreshBefore: soon'));
    expect(found.map((problem) => problem.split(/[ :]/, 1)[0] ?? '').toSorted(byName)).toEqual([
      'ADMIN_API_KEY',
      'LOG_LEVEL',
      'MONGODB_URI',
      'PORT',
      'providers.ebay.refreshBefore',
      'providers.ebay.sweepEvery',
    ]);
  });
});

const only = (environment: Environment, providers: string) =>
  load(environment, providers).providers[0];

describe('providers.yaml', () => {
  it('R0.3 has default times for eBay', () => {
    expect(only(EBAY, ebay())).toEqual({
      id: 'ebay',
      adapter: 'ebay',
      policy: {
        enabled: true,
        sweepEveryMs: 10 * MINUTE,
        perAccountUpTo: 500,
        batchesAtOnce: 4,
        refreshBeforeMs: 15 * MINUTE,
        notBeforeMs: null,
        refreshAfterAgeMs: 60 * MINUTE,
        jitterMs: 5 * MINUTE,
        backOffFirstMs: 10_000,
        backOffMaxMs: 60 * MINUTE,
        validateEveryMs: null,
      },
      environments: {
        production: {
          clientId: EBAY.EBAY_CLIENT_ID,
          clientSecret: secret(EBAY.EBAY_CLIENT_SECRET),
          tokenEndpoint: 'https://api.ebay.com/identity/v1/oauth2/token',
          validationEndpoint: 'https://apiz.ebay.com/commerce/identity/v1/user/',
          authorizationEndpoint: 'https://auth.ebay.com/oauth2/authorize',
          identityEndpoint: 'https://apiz.ebay.com/commerce/identity/v1/user/',
        },
      },
    });
  });

  it.each([
    ['90s', 90_000],
    ['10m', 600_000],
    ['1h', 3_600_000],
    ['1.5h', 5_400_000],
    ['2 d', 172_800_000],
    ['500ms', 500],
  ])('reads the duration %s', (text, expected) => {
    expect(only(EBAY, ebay(`sweepEvery: ${text}`))?.policy.sweepEveryMs).toBe(expected);
  });

  it.each(['10', '"10"', 'soon', '-5m', '0m', '10 minutes', '1h30m', '""', '1e3s'])(
    'refuses the duration %s by name',
    (text) => {
      expect(problems(EBAY, ebay(`sweepEvery: ${text}`))).toEqual([
        expect.stringMatching(/^providers\.ebay\.sweepEvery: /),
      ]);
    },
  );

  it('accepts never as refreshAfterAge', () => {
    expect(only(EBAY, ebay('refreshAfterAge: never'))?.policy.refreshAfterAgeMs).toBeNull();
  });

  it.each([
    ['enabled: false', { enabled: false }],
    ['jitter: 2m', { jitterMs: 2 * MINUTE }],
    ['jitter: none', { jitterMs: 0 }],
    ['notBefore: 30s', { notBeforeMs: 30_000 }],
    ['backOff: { first: 30s, max: 10m }', { backOffFirstMs: 30_000, backOffMaxMs: 10 * MINUTE }],
    ['backOff: { max: 10m }', { backOffFirstMs: 10_000, backOffMaxMs: 10 * MINUTE }],
    ['sweepEvery: 4m', { sweepEveryMs: 4 * MINUTE, jitterMs: 2 * MINUTE }],
    ['perAccountUpTo: 0', { perAccountUpTo: 0 }],
    ['batchesAtOnce: 16', { batchesAtOnce: 16 }],
  ])('R3.4 reads the policy %s', (text, policy) => {
    expect(only(EBAY, ebay(text))?.policy).toMatchObject(policy);
  });

  it.each([
    ['enabled: sometimes', 'enabled'],
    ['jitter: 0m', 'jitter'],
    ['backOff: 10s', 'backOff'],
    ['backOff: { first: soon }', 'backOff.first'],
    ['batchesAtOnce: 0', 'batchesAtOnce'],
  ])('refuses the policy %s by name', (text, member) => {
    expect(problems(EBAY, ebay(text))).toEqual([
      expect.stringContaining(`providers.ebay.${member}: `),
    ]);
  });

  it.each([
    ['30m', 30 * MINUTE],
    ['sweep', 0],
    ['never', null],
  ])('R3.4 reads validateEvery: %s', (text, validateEveryMs) => {
    expect(only(EBAY, ebay(`validateEvery: ${text}`))?.policy.validateEveryMs).toBe(
      validateEveryMs,
    );
  });

  it('R2.3 R3.4 validates only Shopify by default', () => {
    expect(only(EBAY, ebay(''))?.policy.validateEveryMs).toBeNull();
    expect(defaultPolicy('shopify', null).validateEveryMs).toBe(0);
  });

  it.each([
    ['accessTokenLife: 75s', 18_750],
    ['refreshTokenLife: 3m', 45_000],
    ['accessTokenLife: 8h', 10 * MINUTE],
    ['refreshTokenLife: unknown', 10 * MINUTE],
  ])('sweeps at least four times in the shortest configured lifetime: %s', (line, sweepEveryMs) => {
    expect(only(EBAY, ebay(line))?.policy).toMatchObject({
      sweepEveryMs,
      jitterMs: sweepEveryMs / 2,
    });
  });

  it.each([
    [
      ['sweepEvery: 40s', 'accessTokenLife: 75s'],
      /accessTokenLife: 75s.*set it to 37500ms or less/,
    ],
    [
      ['sweepEvery: 2m', 'accessTokenLife: 1h', 'refreshTokenLife: 3m'],
      /refreshTokenLife: 3m.*set it to 90s or less/,
    ],
  ])('refuses an interval in which tokens would expire between two sweeps: %j', (lines, reason) => {
    expect(problems(EBAY, ebay(...lines))).toEqual([expect.stringMatching(reason)]);
  });

  it('accepts an interval of half the shortest lifetime', () => {
    const provider = only(EBAY, ebay('sweepEvery: 90s', 'refreshTokenLife: 3m'));
    expect(provider?.policy.sweepEveryMs).toBe(90_000);
  });

  it('R2.1 reads REFRESH_INTERVAL_MINUTES, which an interval of the provider overrides', () => {
    const environment = { ...EBAY, REFRESH_INTERVAL_MINUTES: '3' };
    expect(only(environment, ebay())?.policy.sweepEveryMs).toBe(3 * MINUTE);
    expect(only(environment, ebay('sweepEvery: 7m'))?.policy.sweepEveryMs).toBe(7 * MINUTE);
  });

  it('ignores an entry whose variables are all unset and lists it as unconfigured', () => {
    const { providers, unconfiguredProviders } = load({}, ebay());
    expect(providers).toEqual([]);
    expect(unconfiguredProviders).toEqual([
      { id: 'ebay', missing: ['EBAY_CLIENT_ID', 'EBAY_CLIENT_SECRET'] },
    ]);
    expect(load({ EBAY_CLIENT_ID: '', EBAY_CLIENT_SECRET: '' }, ebay()).providers).toEqual([]);
  });

  it('refuses an entry if only some of its variables are set', () => {
    expect(problems({ EBAY_CLIENT_ID: 'x' }, ebay())).toEqual([
      'providers.ebay: EBAY_CLIENT_SECRET must be set in the environment',
    ]);
  });

  it('replaces variables within a text and keeps other dollar signs', () => {
    const provider = only(
      { ...EBAY, HOST_PART: 'api.x' },
      ebay('tokenEndpoint: https://${HOST_PART}/$t'),
    );
    expect(provider?.environments['production']?.tokenEndpoint).toBe('https://api.x/$t');
  });

  it('keeps environments separate: none inherits the app of the default environment', () => {
    const sandbox = [
      'environments:',
      '  sandbox:',
      '    clientId: s-id',
      '    clientSecret: s-secret',
    ];
    const provider = only(EBAY, ebay(...sandbox));
    expect(provider?.environments['sandbox']).toEqual({
      clientId: 's-id',
      clientSecret: secret('s-secret'),
      tokenEndpoint: 'https://api.sandbox.ebay.com/identity/v1/oauth2/token',
      validationEndpoint: 'https://apiz.sandbox.ebay.com/commerce/identity/v1/user/',
      authorizationEndpoint: 'https://auth.sandbox.ebay.com/oauth2/authorize',
      identityEndpoint: 'https://apiz.sandbox.ebay.com/commerce/identity/v1/user/',
    });
    expect(problems(EBAY, ebay('environments:', '  sandbox: {}'))).toEqual([
      'providers.ebay: the environment "sandbox" needs clientId, clientSecret and a tokenEndpoint',
    ]);
    expect(
      problems(EBAY, ebay('environments:', '  staging:', '    clientId: a', '    clientSecret: b')),
    ).toEqual([
      'providers.ebay: the environment "staging" needs a tokenEndpoint, because token.url of the provider file of eBay has no URL for "staging"; its environments are production, sandbox',
    ]);
  });

  it.each<[string, string, RegExp]>([
    [
      'a URL with a user and a password',
      ebay('tokenEndpoint: https://user:pw-1@as.example/t'),
      /^providers\.ebay\.tokenEndpoint: must not contain a user name, a password or a fragment$/,
    ],
    [
      'a URL with a fragment',
      ebay('revocationEndpoint: https://as.example/t#f'),
      /^providers\.ebay\.revocationEndpoint: must not contain a user name, a password or a fragment$/,
    ],
    [
      'an adapter that does not exist',
      ebay('adapter: ebuy'),
      /^providers\.ebay: unknown adapter "ebuy"; known adapters: .*ebay/,
    ],
    [
      'a provider without an adapter',
      'providers:\n  crm: {}',
      /^providers\.crm: unknown adapter "crm"/,
    ],
    ['a member that does not exist', ebay('clientSecert: x'), /^providers\.ebay: .*clientSecert/],
    [
      'a name in capitals',
      'providers:\n  eBay: {}',
      /^providers\.eBay: the name of a provider must consist of lower-case/,
    ],
    ['an entry that is not an object', 'providers:\n  ebay: yes', /^providers\.ebay: /],
    [
      'an endpoint that is not a URL',
      ebay('tokenEndpoint: api'),
      /^providers\.ebay\.tokenEndpoint: must be a URL/,
    ],
    [
      'missing credentials',
      'providers:\n  ebay: {}',
      /the environment "production" needs clientId, clientSecret/,
    ],
    [
      'a client id in quotes',
      `providers:\n  ebay:\n    clientId: '"my-app"'\n    clientSecret: s`,
      /^providers\.ebay\.clientId: is enclosed in quotes/,
    ],
    [
      'a client secret that begins or ends with white space',
      "providers:\n  ebay:\n    clientId: a\n    clientSecret: 'my-secret '",
      /^providers\.ebay\.clientSecret: begins or ends with white space/,
    ],
    ['another shape', 'ebay: {}', /must contain "providers:"/],
    ['a list', 'providers: [ebay]', /must contain "providers:"/],
    ['a file that is not YAML', 'providers: {', /is not valid YAML: /],
  ])('refuses %s and describes the valid form', (_problem, providers, message) => {
    expect(problems(EBAY, providers)).toEqual([expect.stringMatching(message)]);
  });

  it('names a setting that cannot be a credential, without its value', () => {
    const own = ebay(
      'environments:',
      '  sandbox:',
      '    clientId: a',
      '    clientSecret: ${SECRET}',
    );
    const found = problems({ ...EBAY, SECRET: 'planted-secret\r' }, own);
    expect(found).toEqual([
      'providers.ebay.environments.sandbox.clientSecret: begins or ends with white space: remove it',
    ]);
  });

  it.each(['', '# nothing', 'providers:', 'providers: {}'])('accepts an empty file: %j', (text) => {
    expect(load({}, text).providers).toEqual([]);
  });
});

describe('providers.yaml for other servers', () => {
  const crm = (...lines: string[]) =>
    ['providers:', '  crm:', '    adapter: oauth2', ...lines.map((line) => `    ${line}`)].join(
      '\n',
    );
  const CREDENTIALS = ['clientId: an-app', 'clientSecret: s'];

  it('reads an issuer, a method, parameters, scopes, lifetimes, a replay rule and error codes', () => {
    expect(
      only(
        {},
        crm(
          ...CREDENTIALS,
          'issuer: https://login.example.com',
          'clientAuthentication: client_secret_post',
          'parameters: {audience: api}',
          'scopes: [read, write]',
          'replay: 30s',
          'accessTokenLife: 8h',
          'refreshTokenLife: 180d',
          'tokenPath: data.token',
          'scopeSeparator: ","',
          'errorCodes: {token_dead: invalid_grant, 1042: too_early}',
        ),
      ),
    ).toEqual({
      id: 'crm',
      adapter: 'oauth2',
      policy: expect.any(Object),
      replayRule: { kind: 'within', seconds: 30 },
      accessTokenLifeSeconds: 28_800,
      refreshTokenLifeSeconds: 15_552_000,
      tokenPath: 'data.token',
      scopeSeparator: ',',
      failureCodes: { token_dead: 'invalid_grant', 1042: 'too_early' },
      environments: {
        production: {
          clientId: 'an-app',
          clientSecret: secret('s'),
          issuer: 'https://login.example.com',
          clientAuthentication: 'client_secret_post',
          parameters: { scope: 'read,write', audience: 'api' },
        },
      },
    });
  });

  it('accepts several entries of one adapter', () => {
    const text = `${crm(...CREDENTIALS, 'issuer: https://a.example')}
  erp:
    adapter: oauth2
    clientId: another-app
    clientAuthentication: none
    tokenEndpoint: https://b.example/token`;
    expect(load({}, text).providers.map(({ id, adapter }) => [id, adapter])).toEqual([
      ['crm', 'oauth2'],
      ['erp', 'oauth2'],
    ]);
  });

  it.each([
    ['safe', { kind: 'safe' }],
    ['never', { kind: 'never' }],
    ['until_successor_used', { kind: 'until_successor_used' }],
    ['10m', { kind: 'within', seconds: 600 }],
  ])('reads the replay rule %s', (text, rule) => {
    const provider = only({}, crm(...CREDENTIALS, 'issuer: https://a.example', `replay: ${text}`));
    expect(provider?.replayRule).toEqual(rule);
  });

  it('R2.2 requires no secret for Etsy, whose client is public', () => {
    expect(only({}, 'providers:\n  etsy:\n    clientId: key')?.environments['production']).toEqual({
      clientId: 'key',
      tokenEndpoint: 'https://api.etsy.com/v3/public/oauth/token',
      validationEndpoint: 'https://api.etsy.com/v3/application/users/me',
      authorizationEndpoint: 'https://www.etsy.com/oauth/connect',
    });
  });

  it('sends no token of a configured token endpoint to the known endpoints of another server', () => {
    const own = only(
      {},
      'providers:\n  etsy:\n    clientId: key\n    tokenEndpoint: https://proxy.example/token',
    );
    expect(own?.environments['production']).toEqual({
      clientId: 'key',
      tokenEndpoint: 'https://proxy.example/token',
    });
  });

  it.each<[string, string, RegExp]>([
    [
      'no endpoint and no issuer',
      crm(...CREDENTIALS),
      /needs clientId, clientSecret and a tokenEndpoint or an issuer/,
    ],
    [
      'an introspection endpoint for an adapter with a validation request',
      ebay('introspectionEndpoint: https://a.example'),
      /introspectionEndpoint is only for the adapter oauth2/,
    ],
    [
      'validation without an endpoint',
      crm(...CREDENTIALS, 'tokenEndpoint: https://a.example/token', 'validateEvery: 30m'),
      /^providers\.crm\.validateEvery: requires a validationEndpoint, introspectionEndpoint or issuer$/,
    ],
    [
      'an invalid validation interval',
      ebay('validateEvery: often'),
      /^providers\.ebay\.validateEvery: /,
    ],
    [
      'a validation interval without a unit',
      ebay('validateEvery: 5'),
      /^providers\.ebay\.validateEvery: must be sweep, never or a duration such as 90s, 10m or 1h, not 5$/,
    ],
    ...['sweepEvery', 'refreshBefore', 'accessTokenLife'].map((name): [string, string, RegExp] => [
      `${name} without a unit`,
      ebay(`${name}: 5`),
      new RegExp(`^providers\\.ebay\\.${name}: must be a duration such as 90s, 10m or 1h, not 5$`),
    ]),
    [
      'a failsafe without a unit',
      ebay('refreshAfterAge: 60'),
      /^providers\.ebay\.refreshAfterAge: must be never or a duration such as 90s, 10m or 1h, not 60$/,
    ],
    [
      'a replay rule without a unit',
      ebay('replay: 30'),
      /^providers\.ebay\.replay: must be safe, until_successor_used, never or a duration such as 90s, 10m or 1h, not 30$/,
    ],
    [
      'a back-off without a unit',
      ebay('backOff: {first: 5}'),
      /^providers\.ebay\.backOff\.first: must be a duration such as 90s, 10m or 1h, not 5$/,
    ],
    [
      'a rate without a unit',
      ebay('rate: 20'),
      /^providers\.ebay\.rate: must be requests per second, such as 20\/s, not 20$/,
    ],
    [
      'a client id that YAML parses as a number',
      crm('clientId: 12345', 'clientSecret: s', 'tokenEndpoint: https://a.example/token'),
      /^providers\.crm\.clientId: must be text, in quotes, not 12345$/,
    ],
    [
      'a public client without clientAuthentication: none',
      crm('clientId: an-app', 'tokenEndpoint: https://a.example/token'),
      /needs clientId, clientSecret and a tokenEndpoint or an issuer\. For a public client, which has no secret, set clientAuthentication: none$/,
    ],
    [
      'a client secret that is empty',
      crm('clientId: an-app', 'clientSecret: ""', 'tokenEndpoint: https://a.example/token'),
      /needs clientId, clientSecret and a tokenEndpoint or an issuer\. For a public client/,
    ],
    [
      'an issuer for an adapter with a known endpoint',
      ebay('issuer: https://a.example'),
      /issuer is only for the adapter oauth2/,
    ],
    [
      'an endpoint without TLS',
      ebay('tokenEndpoint: http://api.example/token'),
      /^providers\.ebay\.tokenEndpoint: must begin with https:/,
    ],
    [
      'an issuer without TLS',
      crm(...CREDENTIALS, 'issuer: http://a.example'),
      /^providers\.crm\.issuer: must begin with https:/,
    ],
    [
      'a method that the provider does not support',
      ebay('clientAuthentication: none'),
      /eBay does not support clientAuthentication none; it supports: client_secret_basic/,
    ],
    [
      'a method that does not exist',
      crm(...CREDENTIALS, 'clientAuthentication: magic'),
      /^providers\.crm\.clientAuthentication: /,
    ],
    [
      'an invalid private key',
      crm(
        'clientId: a',
        'clientAuthentication: private_key_jwt',
        'privateKey: x',
        'issuer: https://a.example',
      ),
      /^providers\.crm\.privateKey: must be a private key/,
    ],
    [
      'a method without its key',
      crm('clientId: a', 'clientAuthentication: private_key_jwt', 'issuer: https://a.example'),
      /needs clientId, privateKey and/,
    ],
    [
      'a parameter that the exchange sets',
      ebay('parameters: {grant_type: password}'),
      /^providers\.ebay\.parameters: must not contain grant_type/,
    ],
    [
      'two scopes in one',
      ebay('scopes: ["a b"]'),
      /^providers\.ebay\.scopes\.0: must be a single scope without spaces/,
    ],
    ['an invalid replay rule', ebay('replay: perhaps'), /^providers\.ebay\.replay: must be safe/],
    [
      'a lifetime above the maximum',
      ebay('accessTokenLife: 401d'),
      /^providers\.ebay\.accessTokenLife: must be at most 400d$/,
    ],
    [
      'an error code with an unknown failure code',
      ebay('errorCodes: {a: row_corrupt}'),
      /^providers\.ebay\.errorCodes\.a: /,
    ],
  ])('refuses %s and describes the valid form', (_problem, providers, message) => {
    expect(problems(EBAY, providers)).toEqual([expect.stringMatching(message)]);
  });
});

describe('a message about the configuration', () => {
  const SECRET = 'S3cr3t-0123456789-abcdef';

  it.each<[string, Environment, string]>([
    ['a database password', { MONGODB_URI: `postgres://u:${SECRET}@db` }, ebay()],
    ['an encryption key', { ENCRYPTION_KEYS: `k1:${SECRET}` }, ebay()],
    [
      'an encryption key and its id in the wrong order',
      { ENCRYPTION_KEYS: `${SECRET}:k1` },
      ebay(),
    ],
    ['a short JWT secret', { JWT_SECRET: SECRET }, ebay()],
    ['a password in a URL', { JWKS_URL: `https://u:${SECRET}@id.example` }, ebay()],
    ['an API key next to an invalid setting', { ADMIN_API_KEY: SECRET, PORT: 'x' }, ebay()],
    ['a secret in place of the endpoint', { ...EBAY, S: SECRET }, ebay('tokenEndpoint: ${S}')],
    ['a secret in place of a duration', { ...EBAY, S: SECRET }, ebay('sweepEvery: ${S}')],
    ['a secret in place of the adapter', { ...EBAY, S: SECRET }, ebay('adapter: ${S}')],
    [
      'a secret that YAML parses as an alias',
      EBAY,
      `providers:\n  ebay:\n    clientSecret: *${SECRET}`,
    ],
    [
      'a secret that YAML parses as a second text',
      EBAY,
      `providers:\n  ebay:\n    clientSecret: "a" ${SECRET}`,
    ],
    [
      'a secret that YAML parses as a key',
      EBAY,
      `providers:\n  ebay:\n    clientSecret: a\n    ${SECRET}`,
    ],
    [
      'a Temporal API key next to an invalid setting',
      { TEMPORAL_API_KEY: SECRET, TEMPORAL_TLS: 'perhaps', PORT: 'x' },
      ebay(),
    ],
  ])('contains no part of %s', (_secret, environment, providers) => {
    const text = problems(environment, providers).join('\n');
    expect(text).not.toBe('');
    expect(text).not.toContain(SECRET.slice(0, 8));
  });
});

const settingNames = loadConfig({}).settings.map(({ name }) => name);

it.each(settingNames)('an odd value of %s is accepted or gives a message that names it', (name) => {
  for (const value of [
    ' ',
    'foo',
    '-1',
    '1e999',
    'NaN',
    '%',
    '://',
    'http://',
    'http://[',
    'a,,b',
  ]) {
    for (const problem of problems({ [name]: value }))
      expect({ value, problem }).toEqual({ value, problem: expect.stringContaining(name) });
  }
});
