/**
 * Evergrant for one test file: real Temporal in a separate namespace, the real MongoDB protocol in a separate database,
 * the sandbox over real HTTP, and the worker and the API in this process.
 */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import {
  Client,
  type Connection,
  ScheduleNotFoundError,
  WorkflowNotFoundError,
} from '@temporalio/client';
import { Runtime } from '@temporalio/worker';
import mongoose from 'mongoose';
import type { Scope } from '../../src/domain/access/principal';
import type { Account } from '../../src/domain/account/account';
import type { RefreshRules } from '../../src/domain/account/due-times';
import { FIRST_GENERATION } from '../../src/domain/account/grant';
import type { DeliveryPolicy } from '../../src/domain/events/webhook-delivery';
import { type AppLimits, newAppLimiter } from '../../src/domain/limits/app-limiter';
import { REFUSED_FOR_MS } from '../../src/domain/limits/limiter-outcome';
import type { LogEntry } from '../../src/domain/logs/log-entry';
import { type ApiApp } from '../../src/http/env';
import { TrustedProxies } from '../../src/http/trusted-proxies';
import { type Config, loadConfig } from '../../src/process/config';
import { createLogger } from '../../src/process/logging';
import { installTemporalRuntime } from '../../src/process/temporal-runtime';
import { findAdapter } from '../../src/providers/adapters/registry';
import { ConfiguredProviders } from '../../src/providers/config/configured-providers';
import type { ProviderConfig } from '../../src/providers/config/providers-file';
import { createConsentClient } from '../../src/providers/consent/consent-client';
import { createTransport } from '../../src/providers/exchange/transport';
import type { SandboxProvider } from '../../src/sandbox/dialect';
import type { Rotation } from '../../src/sandbox/rotation';
import { type Sandbox, startSandbox } from '../../src/sandbox/server';
import { createApp } from '../../src/server/app';
import { type AuditAnchors, createAuditAnchors } from '../../src/services/audit/audit-anchors';
import { createAuditLog } from '../../src/services/audit/audit-log';
import {
  createTokenAccessLog,
  type TokenAccessLog,
} from '../../src/services/tokens/token-access-log';
import { openStore, type Store } from '../../src/store/store';
import { createConnectClient } from '../../src/temporal/connect-client';
import { openConnection } from '../../src/temporal/connection';
import { createEncryptionClient } from '../../src/temporal/encryption-client';
import { createRefreshClient } from '../../src/temporal/refresh-client';
import { createScheduleClient } from '../../src/temporal/schedule-client';
import { createWorkflowClient } from '../../src/temporal/workflow-client';
import { KeyRing } from '../../src/vault/key-ring';
import { grantPlace, type Vault } from '../../src/vault/vault';
import { type RunningWorker, startWorker } from '../../src/worker/start-worker';
import { connectSettings } from './connect-settings';
import { recordCreated } from './created';
import { engines } from './engines';
import { eventually } from './eventually';
import { SELDOM, startUpSweepsEnd } from './sweeps';

export const CLIENT_ID = 'Evergran-test-PRD-0a1b2c3d4-5e6f7a8b';

export interface HarnessOptions {
  /** Start a worker (default) and wait for the sweeps it triggers at start. Tests that kill workers start their own. */
  worker?: boolean;
  mongodbUri?: string;
  temporalAddress?: string;
  /** Default: one key, `k1`. */
  encryptionKeys?: string;
  /** Overrides each provider's policy. By default only sweeps that a test requests run. */
  policy?: Partial<ProviderConfig['policy']>;
  /** Overrides the limits of every OAuth app. */
  limits?: Partial<AppLimits>;
  /** Overrides the retry intervals of webhooks, which last days. */
  delivery?: Partial<DeliveryPolicy>;
  /** The sandbox's providers to configure; default: eBay. */
  providers?: readonly SandboxProvider[] | Record<string, ProviderEntry>;
}

/** A provider's entry in `providers.yaml`; the harness adds its endpoints and credentials. */
export type ProviderEntry = Record<string, unknown> & {
  /** The sandbox's provider to talk to, if it differs from the provider's id. */
  dialect?: SandboxProvider;
  /** Wraps the sandbox's URL in a proxy's. */
  by?: (url: string) => string;
};

export interface NewAccount {
  provider?: string;
  /** The sandbox's provider that issues the grant, if it differs from the provider's id. */
  dialect?: SandboxProvider;
  organisation?: string;
  environment?: string;
  label?: string;
  /** From now; by default one minute, so that the account is due. */
  expiresInMs?: number;
  /** Created with a refresh token only. */
  isNew?: boolean;
  refreshedAgoMs?: number;
  /** Replaces the refresh token that the sandbox knows. */
  refreshToken?: string;
  /** Overrides what the provider does with a used refresh token. */
  rotation?: Rotation;
  /** Corrupts the stored refresh token after encryption. */
  spoil?: (sealedRefreshToken: string) => string;
  secretMarker?: string;
  /** An access token that does not expire, without a refresh token. */
  endless?: boolean;
  /** The account was refreshed before, so that its failures count as evidence of an incident. */
  proven?: boolean;
}

export interface Harness {
  config: Config;
  app: ApiApp;
  store: Store;
  vault: Vault;
  ring: KeyRing;
  /** The audit of the token accesses made through `request`. */
  tokenAccesses: TokenAccessLog;
  /** The audit anchors of `request`. */
  anchors: AuditAnchors;
  /** The same keys in the form of the environment variable. */
  encryptionKeys: string;
  providers: ConfiguredProviders;
  sandbox: Sandbox;
  client: Client;
  clientSecret: string;
  /** The file with the providers for other processes, which take the secret from `SANDBOX_CLIENT_SECRET`. */
  providersFile: string;
  namespace: string;
  mongodbUri: string;
  /** All log lines. */
  logs: string[];
  addAccount(
    account?: NewAccount,
  ): Promise<Account & { plain: { refreshToken: string; accessToken: string } }>;
  account(id: string): Promise<Account>;
  entries(accountId: string): Promise<LogEntry[]>;
  key(input?: { organisation?: string; scopes?: Scope[] }): Promise<string>;
  /** Sends a request to the API with this key. */
  request(
    key: string,
    method: string,
    path: string,
    body?: unknown,
  ): Promise<{ status: number; body: any }>;
  /**
   * A test may stop the worker itself.
   * @param otherwise the configuration and store of a worker that was configured differently
   */
  startWorker(otherwise?: {
    config: Config;
    store: Store;
    lookEveryMs?: number;
    workflowBundle?: string;
  }): Promise<RunningWorker>;
  /** Opens another store on the same database, as another process would. */
  openStore(otherwise?: { uri?: string; rules?: RefreshRules }): Promise<Store>;
  /** Closes the circuits of all OAuth apps. */
  closeCircuits(): Promise<void>;
  /** Moves the first refusal of these accounts back by five minutes; each account must have one. */
  backdateRefusals(ids: readonly string[]): Promise<void>;
  stopWorkers(): Promise<void>;
  stop(): Promise<void>;
}

const DEFAULT_ORGANISATION = 'default';
/** How long, in ms, a new worker may take to load the workflow code. */
const START_MS = 90_000;

export async function startHarness(options: HarnessOptions = {}): Promise<Harness> {
  const id = randomBytes(6).toString('hex');
  const namespace = `test-${id}`;
  const clientSecret = randomBytes(16).toString('hex');
  const logs: string[] = [];
  const logger = createLogger(
    'debug',
    new Writable({
      write(chunk, _encoding, done) {
        logs.push(String(chunk));
        done();
      },
    }),
  );
  installTemporalRuntime(logger, null);

  const temporal = { address: options.temporalAddress ?? engines.temporalAddress };
  const connection = await openConnection(temporal);
  await createNamespace(connection, namespace);
  const client = new Client({ connection, namespace });

  const sandbox = await startSandbox({ clientId: CLIENT_ID, clientSecret });
  const encryptionKeys = options.encryptionKeys ?? `k1:${randomBytes(32).toString('base64')}`;
  const ring = KeyRing.parse(encryptionKeys);
  const directory = mkdtempSync(join(tmpdir(), 'evergrant-harness-'));
  const entries = entriesOf(options.providers ?? ['ebay']);
  const providersFile = writeProvidersFile(directory, sandbox, entries);
  const base = loadConfig({
    PROVIDERS_FILE: providersFile,
    SANDBOX_CLIENT_SECRET: clientSecret,
    DATA_DIR: '/nonexistent',
    WEBHOOKS_ALLOW_PRIVATE_ADDRESSES: 'true',
  });
  const config: Config = {
    ...base,
    encryptionKeys: ring,
    webhooks: { ...base.webhooks, delivery: { ...base.webhooks.delivery, ...options.delivery } },
    temporal: {
      connection: temporal,
      namespace,
      taskQueue: 'evergrant',
      deployment: null,
      uiUrl: null,
    },
    providers: base.providers.map((provider) => ({
      ...provider,
      policy: { ...provider.policy, ...SELDOM, ...options.policy },
      environments: Object.fromEntries(
        Object.entries(provider.environments).map(([name, environment]) => [
          name,
          {
            ...environment,
            limits: { ...environment.limits, ...options.limits },
            // `providers.yaml` cannot state the issuer of a provider that is known.
            ...(findAdapter(provider.adapter)?.discovery !== true && {
              issuer: sandbox.endpoints(entries[provider.id]?.dialect ?? provider.id).issuer,
            }),
          },
        ]),
      ),
    })),
  };
  const providers = new ConfiguredProviders(config.providers);
  const mongodbUri = options.mongodbUri ?? engines.mongodbUri(`evergrant_${id}`);
  const { store, vault } = await openStore(mongodbUri, {
    logRetentionDays: 30,
    rules: providers.rule,
    ring,
    logger,
  });
  const anchors = createAuditAnchors({
    client,
    taskQueue: config.temporal.taskQueue,
    store,
    logger,
    now: () => new Date(),
  });
  const audit = createAuditLog({
    store: store,
    vault: vault,
    retentionDays: 400,
    now: () => new Date(),
    onHead: (organisation, head) => anchors.note('actions', organisation, head),
  });
  const tokenAccesses = createTokenAccessLog({
    tokenAccesses: store.tokenAccesses,
    vault,
    logger,
    required: false,
    now: () => new Date(),
    onHead: (organisation, head) => anchors.note('token-accesses', organisation, head),
  });
  const app = createApp({
    store,
    vault,
    providers,
    refreshes: createRefreshClient(client, config.temporal.taskQueue, store),
    schedules: createScheduleClient(client, providers, config.temporal.taskQueue),
    workflows: createWorkflowClient(client, config.temporal.taskQueue),
    encryption: createEncryptionClient(client, config.temporal.taskQueue),
    tokenAccesses,
    audit,
    anchors,
    logger,
    configuredKeys: [],
    jwt: null,
    oidc: null,
    publicUrl: null,
    trustedProxies: new TrustedProxies([]),
    configured: config,
    webhooks: config.webhooks,
    consent: createConsentClient({ transport: createTransport(), now: () => new Date() }),
    connect: createConnectClient(client, config.temporal.taskQueue),
    connectSettings: connectSettings(store),
    now: () => new Date(),
    stopping: new AbortController().signal,
  });
  const workers: RunningWorker[] = [];

  const harness: Harness = {
    config,
    app,
    store,
    vault,
    ring,
    tokenAccesses,
    anchors,
    encryptionKeys,
    providers,
    sandbox,
    client,
    clientSecret,
    providersFile,
    namespace,
    mongodbUri,
    logs,
    async addAccount(input = {}) {
      const now = Date.now();
      const accountId = `acc_${randomBytes(12).toString('hex')}`;
      const organisation = input.organisation ?? DEFAULT_ORGANISATION;
      const provider = input.provider ?? 'ebay';
      const consent = {
        provider: input.dialect ?? provider,
        subject: accountId,
        ...(input.secretMarker === undefined ? {} : { secretMarker: input.secretMarker }),
        ...(input.rotation === undefined ? {} : { rotation: input.rotation }),
      };
      const endless = input.endless === true;
      const isNew = input.isNew === true;
      const grant = endless
        ? { access_token: sandbox.issueEndlessToken(consent), refresh_token: '' }
        : sandbox.issueGrant(consent);
      const plain = {
        accessToken: grant.access_token,
        refreshToken: input.refreshToken ?? grant.refresh_token,
      };
      const identity = {
        id: accountId,
        organisation,
        provider,
        environment: input.environment ?? 'production',
        externalId: `shop-${accountId}`,
      };
      const sealed = vault.sealGrant(plain, grantPlace(identity, FIRST_GENERATION));
      const account = await store.accounts.create(
        {
          ...identity,
          label: input.label ?? `Shop ${accountId.slice(-6)}`,
          kind: null,
          lastRefreshedAt: isNew ? null : new Date(now - (input.refreshedAgoMs ?? 30 * 60_000)),
          grant: {
            ...sealed,
            ...(input.spoil === undefined
              ? {}
              : { refreshToken: input.spoil(sealed.refreshToken) }),
            ...(isNew ? { accessToken: null, accessTokenFingerprint: null } : {}),
            expiresAt: new Date(now + (isNew ? 0 : (input.expiresInMs ?? 60_000))).toISOString(),
            ...(endless
              ? { refreshToken: null, refreshTokenFingerprint: null, expiresAt: null }
              : {}),
            refreshTokenExpiresAt: null,
            scopes: [],
            obtainedAt: new Date(now).toISOString(),
            attemptId: null,
          },
        },
        new Date(now),
      );
      if (input.proven === true) await prove(mongodbUri, accountId);
      return { ...account, plain };
    },
    async account(accountId) {
      const account = await store.grants.read(accountId);
      if (account === null) throw new Error(`no account ${accountId}`);
      return account;
    },
    async entries(accountId) {
      const account = await harness.account(accountId);
      return store.logEntries.list({ organisation: account.organisation, accountId, limit: 500 });
    },
    async key({
      organisation = DEFAULT_ORGANISATION,
      scopes = ['admin', 'internal', 'operator'],
    }: {
      organisation?: string;
      scopes?: Scope[];
    } = {}) {
      return (await store.apiKeys.create({ organisation, name: 'test', scopes }, new Date())).text;
    },
    async request(key, method, path, body) {
      const response = await app.request(path, {
        method,
        headers: {
          authorization: `Bearer ${key}`,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const text = await response.text();
      return { status: response.status, body: text === '' ? null : JSON.parse(text) };
    },
    async startWorker(otherwise) {
      const worker = await startWorker({
        config,
        temporal,
        store,
        vault,
        logger,
        workflowBundle: engines.workflowBundle,
        ...otherwise,
      });
      let stopped: Promise<void> | undefined;
      const running = { ...worker, stop: () => (stopped ??= worker.stop()) };
      workers.push(running);
      return running;
    },
    backdateRefusals: (ids) => backdateRefusals(mongodbUri, ids),
    async openStore({ uri = mongodbUri, rules = providers.rule } = {}) {
      return (await openStore(uri, { logRetentionDays: 30, rules, ring, logger })).store;
    },
    async closeCircuits() {
      for (const limiter of await store.limiters.list()) {
        // The watching workflow would start a sweep when it sees the closed circuit.
        await client.workflow
          .getHandle(`app/${limiter.provider}/${limiter.environment}`)
          .terminate('its test is over')
          .catch((error: unknown) => {
            if (!(error instanceof WorkflowNotFoundError)) throw error;
          });
        await store.limiters.change(limiter, ({ provider, environment, version }, now) => ({
          ...newAppLimiter(provider, environment, now),
          version,
        }));
      }
    },
    async stopWorkers() {
      await Promise.all(workers.splice(0).map((worker) => worker.stop()));
    },
    async stop() {
      await harness.stopWorkers();
      await sandbox.stop();
      await tokenAccesses.stop();
      await anchors.stop();
      await store.close();
      await connection.close();
      // The threads of this file's Temporal runtime would keep jest's process alive.
      await Runtime.instance().shutdown();
      rmSync(directory, { recursive: true, force: true });
    },
  };
  if (options.worker !== false) {
    await harness.startWorker();
    await startUpSweepsEnd(harness, START_MS);
  }
  return harness;
}

async function backdateRefusals(mongodbUri: string, ids: readonly string[]): Promise<void> {
  const connection = await mongoose.createConnection(mongodbUri).asPromise();
  try {
    const accounts = connection.collection<{ _id: string; refused_at: Date | null }>('accounts');
    for (const id of ids) {
      const account = await accounts.findOne({ _id: id });
      if (!account?.refused_at) throw new Error(`account ${id} was not refused yet`);
      const earlier = new Date(account.refused_at.getTime() - REFUSED_FOR_MS);
      await accounts.updateOne({ _id: id }, { $set: { refused_at: earlier } });
    }
  } finally {
    await connection.close();
  }
}

async function prove(mongodbUri: string, accountId: string): Promise<void> {
  const connection = await mongoose.createConnection(mongodbUri).asPromise();
  try {
    const accounts = connection.collection<{ _id: string }>('accounts');
    await accounts.updateOne({ _id: accountId }, { $set: { proven: true } });
  } finally {
    await connection.close();
  }
}

/** JSON is valid YAML. Every provider has both environments, so that tests need not name one. */
function writeProvidersFile(
  directory: string,
  sandbox: Sandbox,
  entries: Record<string, ProviderEntry>,
): string {
  const providers: Record<string, object> = {};
  for (const [id, { dialect = id, by = same, ...entry }] of Object.entries(entries)) {
    const { issuer: _known, refreshEndpoint: _own, ...endpoints } = sandbox.endpoints(dialect);
    const environment = {
      clientId: CLIENT_ID,
      clientSecret: '${SANDBOX_CLIENT_SECRET}',
      ...endpoints,
      tokenEndpoint: by(endpoints.tokenEndpoint),
    };
    providers[id] = {
      applicationTokens: true,
      ...entry,
      environments: { production: environment, sandbox: environment },
    };
  }
  const file = join(directory, 'providers.yaml');
  writeFileSync(file, JSON.stringify({ providers }));
  return file;
}

function entriesOf(
  wanted: NonNullable<HarnessOptions['providers']>,
): Record<string, ProviderEntry> {
  return isList(wanted) ? Object.fromEntries(wanted.map((id) => [id, {}])) : wanted;
}

function same(url: string): string {
  return url;
}

/** `Array.isArray` does not narrow readonly arrays. */
function isList<T>(value: readonly T[] | object): value is readonly T[] {
  return Array.isArray(value);
}

/** Creates a namespace, so that the test file shares no workflow ids, schedules and search attributes with others. */
async function createNamespace(connection: Connection, namespace: string): Promise<void> {
  recordCreated('namespace', namespace);
  await connection.workflowService.registerNamespace({
    namespace,
    workflowExecutionRetentionPeriod: { seconds: (24 * 3600) as never },
  });
  // The namespace becomes known to the whole server a moment later.
  const { schedule } = new Client({ connection, namespace });
  await eventually(async () => {
    const absent = schedule.getHandle('none').describe();
    return absent.catch((error: unknown) => error instanceof ScheduleNotFoundError);
  });
}
