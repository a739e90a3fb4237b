/**
 * Evergrant for one test file: real Temporal (a namespace of its own), real MongoDB protocol (a database of its own),
 * the sandbox over real HTTP, the worker and the API in this process.
 */
import { randomBytes } from 'node:crypto';
import { Writable } from 'node:stream';
import { Client, Connection } from '@temporalio/client';
import { Runtime } from '@temporalio/worker';
import { type ApiApp, createApp } from '../../src/api/app';
import { createHandoutLog, type HandoutLog } from '../../src/api/handout-log';
import { createRefreshClient } from '../../src/api/refresh-client';
import { createScheduleClient } from '../../src/api/schedule-client';
import { createWorkflowClient } from '../../src/api/workflow-client';
import { type Config, loadConfig } from '../../src/config';
import type { Account } from '../../src/domain/account';
import type { LogEntry } from '../../src/domain/log-entry';
import { createLogger, installTemporalLogger } from '../../src/logging';
import { ConfiguredProviders } from '../../src/providers/configured-providers';
import { defaultPolicy, type ProviderConfig } from '../../src/providers-file';
import type { SandboxProvider } from '../../src/sandbox/dialect';
import { type Sandbox, startSandbox } from '../../src/sandbox/server';
import type { Scope } from '../../src/store/api-keys';
import { openStore, type Store } from '../../src/store/store';
import { KeyRing } from '../../src/vault/key-ring';
import { Vault } from '../../src/vault/vault';
import { type RunningWorker, startWorker } from '../../src/worker/start-worker';
import { engines } from './engines';

export const CLIENT_ID = 'Evergran-test-PRD-0a1b2c3d4-5e6f7a8b';

export interface HarnessOptions {
  /** Start the worker with the harness (default); a test that kills workers starts its own. */
  worker?: boolean;
  mongodbUri?: string;
  temporalAddress?: string;
  policy?: Partial<ProviderConfig['policy']>;
  /** Which of the sandbox's providers are configured; default: eBay. */
  providers?: readonly SandboxProvider[];
}

export interface NewAccount {
  provider?: SandboxProvider;
  organisation?: string;
  environment?: string;
  label?: string;
  /** From now; default: due, one minute left. */
  expiresInMs?: number;
  refreshedAgoMs?: number;
  /** Replaces the refresh token that the sandbox knows. */
  refreshToken?: string;
  /** Spoils what is stored, after sealing. */
  spoil?: (sealedRefreshToken: string) => string;
  secretMarker?: string;
}

export interface Harness {
  config: Config;
  app: ApiApp;
  store: Store;
  vault: Vault;
  ring: KeyRing;
  /** The audit of the hand-outs of `request`. */
  handouts: HandoutLog;
  /** The same keys as a process takes them. */
  encryptionKeys: string;
  providers: ConfiguredProviders;
  sandbox: Sandbox;
  client: Client;
  clientSecret: string;
  namespace: string;
  mongodbUri: string;
  /** Every line that was logged. */
  logs: string[];
  addAccount(
    account?: NewAccount,
  ): Promise<Account & { plain: { refreshToken: string; accessToken: string } }>;
  account(id: string): Promise<Account>;
  entries(accountId: string): Promise<LogEntry[]>;
  key(input?: { organisation?: string; scopes?: Scope[] }): Promise<string>;
  /** A request to the API, as a client with that key would send it. */
  request(
    key: string,
    method: string,
    path: string,
    body?: unknown,
  ): Promise<{ status: number; body: any }>;
  /** Another configuration, as a worker has that was started with it. */
  startWorker(otherwise?: { config: Config; store: Store }): Promise<RunningWorker>;
  stopWorkers(): Promise<void>;
  stop(): Promise<void>;
}

const DEFAULT_ORGANISATION = 'default';

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
  installTemporalLogger(logger);

  const temporal = { address: options.temporalAddress ?? engines.temporalAddress };
  const connection = await Connection.connect(temporal);
  await createNamespace(connection, namespace);
  const client = new Client({ connection, namespace });

  const sandbox = await startSandbox({ clientId: CLIENT_ID, clientSecret });
  const encryptionKeys = `k1:${randomBytes(32).toString('base64')}`;
  const ring = KeyRing.parse(encryptionKeys);
  const base = loadConfig({ PROVIDERS_FILE: '', DATA_DIR: '/nonexistent' });
  const config: Config = {
    ...base,
    encryptionKeys: ring,
    temporal: { connection: temporal, namespace, taskQueue: 'evergrant', uiUrl: null },
    providers: (options.providers ?? ['ebay']).map((provider) => {
      const tokenEndpoint = sandbox.tokenEndpoint(provider);
      const environment = { clientId: CLIENT_ID, clientSecret, tokenEndpoint };
      return {
        id: provider,
        adapter: provider,
        policy: { ...defaultPolicy(provider, null), ...options.policy },
        environments: { production: environment, sandbox: environment },
      };
    }),
  };
  const providers = new ConfiguredProviders(config.providers);
  const mongodbUri = options.mongodbUri ?? engines.mongodbUri(`evergrant_${id}`);
  const store = await openStore(mongodbUri, { logRetentionDays: 30, rules: providers.rule });
  const vault = await Vault.open(ring, store.settings);
  const handouts = createHandoutLog(store.tokenHandouts, logger);
  const app = createApp({
    store,
    vault,
    providers,
    refreshes: createRefreshClient(client, config.temporal.taskQueue),
    schedules: createScheduleClient(client, providers, config.temporal.taskQueue),
    workflows: createWorkflowClient(client, config.temporal.taskQueue),
    handouts,
    logger,
    configuredKeys: [],
    jwt: null,
    oidc: null,
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
    handouts,
    encryptionKeys,
    providers,
    sandbox,
    client,
    clientSecret,
    namespace,
    mongodbUri,
    logs,
    async addAccount(input = {}) {
      const now = Date.now();
      const accountId = `acc_${randomBytes(12).toString('hex')}`;
      const organisation = input.organisation ?? DEFAULT_ORGANISATION;
      const provider = input.provider ?? 'ebay';
      const grant = sandbox.issueGrant({
        provider,
        subject: accountId,
        ...(input.secretMarker === undefined ? {} : { secretMarker: input.secretMarker }),
      });
      const plain = {
        accessToken: grant.access_token,
        refreshToken: input.refreshToken ?? grant.refresh_token,
      };
      const sealed = vault.sealGrant(plain, { organisation, accountId });
      const account = await store.accounts.create(
        {
          id: accountId,
          organisation,
          provider,
          environment: input.environment ?? 'production',
          externalId: `shop-${accountId}`,
          label: input.label ?? `Shop ${accountId.slice(-6)}`,
          kind: null,
          lastRefreshedAt: new Date(now - (input.refreshedAgoMs ?? 30 * 60_000)),
          grant: {
            ...sealed,
            ...(input.spoil === undefined
              ? {}
              : { refreshToken: input.spoil(sealed.refreshToken) }),
            expiresAt: new Date(now + (input.expiresInMs ?? 60_000)).toISOString(),
            refreshTokenExpiresAt: null,
            scopes: [],
            obtainedAt: new Date(now).toISOString(),
            attemptId: null,
          },
        },
        new Date(now),
      );
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
      scopes = ['admin', 'internal'],
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
      const worker = await startWorker({ config, temporal, store, vault, logger, ...otherwise });
      workers.push(worker);
      return worker;
    },
    async stopWorkers() {
      for (const worker of workers.splice(0)) await worker.stop();
    },
    async stop() {
      await harness.stopWorkers();
      await sandbox.stop();
      await handouts.stop();
      await store.close();
      await connection.close();
      // The native threads of this file's Temporal runtime would keep jest's process alive.
      await Runtime.instance().shutdown();
    },
  };
  if (options.worker !== false) await harness.startWorker();
  return harness;
}

/** Workflow ids, schedules and search attributes of one test file are its own. */
async function createNamespace(connection: Connection, namespace: string): Promise<void> {
  await connection.workflowService.registerNamespace({
    namespace,
    workflowExecutionRetentionPeriod: { seconds: (24 * 3600) as never },
  });
}
