/**
 * Evergrant for one test file: real Temporal (a namespace of its own), real MongoDB protocol (a database of its own),
 * the sandbox over real HTTP, the worker and the API in this process.
 */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import {
  Client,
  Connection,
  ScheduleNotFoundError,
  WorkflowNotFoundError,
} from '@temporalio/client';
import { Runtime } from '@temporalio/worker';
import { type ApiApp, createApp } from '../../src/api/app';
import { createAuditLog } from '../../src/api/audit-log';
import { createEncryptionClient } from '../../src/api/encryption-client';
import { createHandoutLog, type HandoutLog } from '../../src/api/handout-log';
import { createRefreshClient } from '../../src/api/refresh-client';
import { createScheduleClient } from '../../src/api/schedule-client';
import { createWorkflowClient } from '../../src/api/workflow-client';
import { type Config, loadConfig } from '../../src/config';
import type { Account } from '../../src/domain/account';
import { type LaneRule, newLane } from '../../src/domain/lane';
import type { LogEntry } from '../../src/domain/log-entry';
import type { DeliveryPolicy } from '../../src/domain/webhook-delivery';
import { createLogger, installTemporalLogger } from '../../src/logging';
import { ConfiguredProviders } from '../../src/providers/configured-providers';
import type { ProviderConfig } from '../../src/providers-file';
import type { SandboxProvider } from '../../src/sandbox/dialect';
import type { Rotation } from '../../src/sandbox/rotation';
import { type Sandbox, startSandbox } from '../../src/sandbox/server';
import type { Scope } from '../../src/store/api-keys';
import { openStore, type Store } from '../../src/store/store';
import { KeyRing } from '../../src/vault/key-ring';
import { Vault } from '../../src/vault/vault';
import { type RunningWorker, startWorker } from '../../src/worker/start-worker';
import { engines } from './engines';
import { eventually } from './eventually';
import { SELDOM, startUpSweepsEnd } from './sweeps';

export const CLIENT_ID = 'Evergran-test-PRD-0a1b2c3d4-5e6f7a8b';

export interface HarnessOptions {
  /**
   * Start a worker with the harness (default), and wait for the sweeps of its start; a test that kills workers starts
   * its own.
   */
  worker?: boolean;
  mongodbUri?: string;
  temporalAddress?: string;
  /** Default: one key, `k1`. */
  encryptionKeys?: string;
  /** Of each provider, beside what it says; its sweeps are only those that a test asks for, unless told otherwise. */
  policy?: Partial<ProviderConfig['policy']>;
  /** Of every OAuth app, beside what its provider says. */
  lane?: Partial<LaneRule>;
  /** Of webhooks, where days are too long. */
  delivery?: Partial<DeliveryPolicy>;
  /** Which of the sandbox's providers are configured, and as what; default: eBay. */
  providers?: readonly SandboxProvider[] | Record<string, ProviderEntry>;
}

/** What `providers.yaml` says of a provider; where and as whom to ask is the harness's to say. */
export type ProviderEntry = Record<string, unknown> & {
  /** Which of the sandbox's providers it speaks to, where the name does not say so. */
  dialect?: SandboxProvider;
  /** By way of this proxy, given the sandbox's URL. */
  by?: (url: string) => string;
};

export interface NewAccount {
  provider?: string;
  /** Which of the sandbox's providers issues the grant, where the provider's name does not say so. */
  dialect?: SandboxProvider;
  organisation?: string;
  environment?: string;
  label?: string;
  /** From now; default: due, one minute left. */
  expiresInMs?: number;
  refreshedAgoMs?: number;
  /** Replaces the refresh token that the sandbox knows. */
  refreshToken?: string;
  /** What becomes of a used refresh token, where the provider's own way is not wanted. */
  rotation?: Rotation;
  /** Spoils what is stored, after sealing. */
  spoil?: (sealedRefreshToken: string) => string;
  secretMarker?: string;
  /** An access token that does not end, without a refresh token. */
  endless?: boolean;
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
  /** The providers as a process reads them; it takes the secret from `SANDBOX_CLIENT_SECRET`. */
  providersFile: string;
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
  startWorker(otherwise?: {
    config: Config;
    store: Store;
    lookEveryMs?: number;
  }): Promise<RunningWorker>;
  /** All OAuth apps are well again, whatever a test made of them. */
  reopenLanes(): Promise<void>;
  stopWorkers(): Promise<void>;
  stop(): Promise<void>;
}

const DEFAULT_ORGANISATION = 'default';
/** The first workflow of a worker waits for its code to be loaded. */
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
  installTemporalLogger(logger);

  const temporal = { address: options.temporalAddress ?? engines.temporalAddress };
  const connection = await Connection.connect(temporal);
  await createNamespace(connection, namespace);
  const client = new Client({ connection, namespace });

  const sandbox = await startSandbox({ clientId: CLIENT_ID, clientSecret });
  const encryptionKeys = options.encryptionKeys ?? `k1:${randomBytes(32).toString('base64')}`;
  const ring = KeyRing.parse(encryptionKeys);
  const directory = mkdtempSync(join(tmpdir(), 'evergrant-harness-'));
  const providersFile = writeProvidersFile(directory, sandbox, options.providers ?? ['ebay']);
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
    temporal: { connection: temporal, namespace, taskQueue: 'evergrant', uiUrl: null },
    providers: base.providers.map((provider) => ({
      ...provider,
      policy: { ...provider.policy, ...SELDOM, ...options.policy },
      environments: Object.fromEntries(
        Object.entries(provider.environments).map(([name, environment]) => [
          name,
          { ...environment, lane: { ...environment.lane, ...options.lane } },
        ]),
      ),
    })),
  };
  const providers = new ConfiguredProviders(config.providers);
  const mongodbUri = options.mongodbUri ?? engines.mongodbUri(`evergrant_${id}`);
  const store = await openStore(mongodbUri, { logRetentionDays: 30, rules: providers.rule });
  const vault = await Vault.open(ring, store.settings);
  const audit = createAuditLog({
    store: store,
    vault: vault,
    retentionDays: 400,
    now: () => new Date(),
  });
  const handouts = createHandoutLog(store.tokenHandouts, audit, logger);
  const app = createApp({
    store,
    vault,
    providers,
    refreshes: createRefreshClient(client, config.temporal.taskQueue, store),
    schedules: createScheduleClient(client, providers, config.temporal.taskQueue),
    workflows: createWorkflowClient(client, config.temporal.taskQueue),
    encryption: createEncryptionClient(client, config.temporal.taskQueue),
    handouts,
    audit,
    logger,
    configuredKeys: [],
    jwt: null,
    oidc: null,
    webhooks: config.webhooks,
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
        provider: input.dialect ?? (provider as SandboxProvider),
        subject: accountId,
        ...(input.secretMarker === undefined ? {} : { secretMarker: input.secretMarker }),
        ...(input.rotation === undefined ? {} : { rotation: input.rotation }),
      };
      const endless = input.endless === true;
      const grant = endless
        ? { access_token: sandbox.issueEndlessToken(consent), refresh_token: '' }
        : sandbox.issueGrant(consent);
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
    async reopenLanes() {
      for (const lane of await store.lanes.list()) {
        // It would sweep once it sees that all is well.
        await client.workflow
          .getHandle(`lane/${lane.provider}/${lane.environment}`)
          .terminate('its test is over')
          .catch((error: unknown) => {
            if (!(error instanceof WorkflowNotFoundError)) throw error;
          });
        await store.lanes.change(lane, ({ provider, environment, version }, now) => ({
          ...newLane(provider, environment, now),
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
      await handouts.stop();
      await store.close();
      await connection.close();
      // The native threads of this file's Temporal runtime would keep jest's process alive.
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

/** JSON is YAML. Every provider has both environments, so that no test need say which. */
function writeProvidersFile(
  directory: string,
  sandbox: Sandbox,
  wanted: NonNullable<HarnessOptions['providers']>,
): string {
  const named: Record<string, ProviderEntry> = isList(wanted)
    ? Object.fromEntries(wanted.map((id) => [id, {}]))
    : wanted;
  const providers: Record<string, object> = {};
  for (const [id, { dialect = id as SandboxProvider, by = same, ...entry }] of Object.entries(
    named,
  )) {
    const environment = {
      clientId: CLIENT_ID,
      clientSecret: '${SANDBOX_CLIENT_SECRET}',
      tokenEndpoint: by(sandbox.tokenEndpoint(dialect)),
      validationEndpoint: sandbox.validationEndpoint(dialect),
    };
    providers[id] = { ...entry, environments: { production: environment, sandbox: environment } };
  }
  const file = join(directory, 'providers.yaml');
  writeFileSync(file, JSON.stringify({ providers }));
  return file;
}

function same(url: string): string {
  return url;
}

/** `Array.isArray` does not narrow what is read-only. */
function isList<T>(value: readonly T[] | object): value is readonly T[] {
  return Array.isArray(value);
}

/** Workflow ids, schedules and search attributes of one test file are its own. */
async function createNamespace(connection: Connection, namespace: string): Promise<void> {
  await connection.workflowService.registerNamespace({
    namespace,
    workflowExecutionRetentionPeriod: { seconds: (24 * 3600) as never },
  });
  // Known to the whole server a moment later.
  const { schedule } = new Client({ connection, namespace });
  await eventually(async () => {
    const absent = schedule.getHandle('none').describe();
    return absent.catch((error: unknown) => error instanceof ScheduleNotFoundError);
  });
}
