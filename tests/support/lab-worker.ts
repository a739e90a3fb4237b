/**
 * A worker of the fault lab: a separate process from `build/` with real dependencies, wrapped so that it reports each
 * phase of an attempt to its parent, and waits at a phase on request. `lab-process.ts` compiles it.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from '@temporalio/client';
import { NativeConnection, Worker } from '@temporalio/worker';
import { type Activities, createActivities } from '../../src/activities';
import { Limiter } from '../../src/limits/limiter';
import { openStoreAndVault, requireProductionConfig } from '../../src/process/bootstrap';
import { loadConfig } from '../../src/process/config';
import { createLogger } from '../../src/process/logging';
import { installTemporalRuntime } from '../../src/process/temporal-runtime';
import { ConfiguredProviders } from '../../src/providers/config/configured-providers';
import { createTransport } from '../../src/providers/exchange/transport';
import type { RefreshDependencies } from '../../src/refresh/dependencies';
import { RestoreGuard } from '../../src/refresh/restore-guard';
import { connectTemporal } from '../../src/temporal/connect';
import { rotationMarks } from '../../src/temporal/rotation-marks';
import type { GrantPlace, Vault } from '../../src/vault/vault';

/**
 * In order. `claimed`: the claim is written. `marked`: the send intent is recorded. `answered`: the whole response is
 * in memory. `sealed`: the grant is encrypted, before its commit. `committed`: the grant is stored. `logged`: the entry
 * is written. (`sent` is reported but cannot be held; the provider holds requests between it and `answered`.)
 */
export type WorkerPhase =
  | 'claimed'
  | 'marked'
  | 'sent'
  | 'answered'
  | 'sealed'
  | 'committed'
  | 'logged';

export type LabOrder =
  | { order: 'hold'; accountId: string; phase: WorkerPhase }
  | { order: 'go'; accountId: string }
  | { order: 'run' }
  /** Blocks the event loop. */
  | { order: 'block'; ms: number }
  | { order: 'stop' };

export type LabReport =
  | { report: 'ready' | 'running' | 'draining' }
  | { report: 'held'; accountId: string }
  /** `at`: ms since 1970, comparable between processes. */
  | { report: 'reached'; accountId: string; attemptId: string; phase: WorkerPhase; at: number };

/** The protection that a negative control switches off. */
export type WithoutControl = 'claim' | 'fence' | 'associated_data';

const without = process.env['LAB_WITHOUT'] as WithoutControl | undefined;
interface Attempt {
  accountId: string;
  attemptId: string;
}
const attempt = new AsyncLocalStorage<Attempt>();
const holds = new Map<string, WorkerPhase>();
const waiting = new Map<string, () => void>();

const tell = (report: LabReport) => process.send?.(report);

/** @param named the attempt, if many run in one activity */
function reached(phase: WorkerPhase, named?: Attempt): Promise<void> {
  const current = attempt.getStore() ?? named;
  if (current === undefined) return Promise.resolve();
  const { accountId } = current;
  const { attemptId } = current;
  tell({
    report: 'reached',
    accountId,
    attemptId,
    phase,
    at: performance.timeOrigin + performance.now(),
  });
  if (holds.get(accountId) !== phase) return Promise.resolve();
  holds.delete(accountId);
  return new Promise((resolve) => waiting.set(accountId, resolve));
}

/** A proxy of the object with some members replaced. */
function wrapped<T extends object>(target: T, instead: Partial<T>): T {
  return new Proxy(target, {
    get(_, name) {
      const own = Reflect.get(instead, name) ?? Reflect.get(target, name);
      return typeof own === 'function' ? own.bind(target) : own;
    },
  });
}

function observed(deps: RefreshDependencies): RefreshDependencies {
  const { grants, logEntries } = deps.store;
  return {
    ...deps,
    vault: without === 'associated_data' ? openingAnywhere(deps.vault) : deps.vault,
    transport: wrapped(deps.transport, {
      async send(request) {
        await reached('sent');
        const answer = await deps.transport.send(request);
        await reached('answered');
        return answer;
      },
    }),
    store: wrapped(deps.store, {
      grants: wrapped(grants, {
        async claim(input) {
          const account = without === 'claim' ? await grants.read(input.accountId) : null;
          const claimed = account
            ? { kind: 'claimed' as const, account }
            : await grants.claim(input);
          if (claimed.kind === 'claimed') await reached('claimed', input);
          return claimed;
        },
        async recordSendIntent(claim, now) {
          const may = without === 'claim' || (await grants.recordSendIntent(claim, now));
          if (may) await reached('marked', claim);
          return may;
        },
        async commit(input) {
          const of = { accountId: input.account.id, attemptId: input.grant.attemptId ?? '' };
          await reached('sealed', of);
          const now = without === 'fence' ? await grants.read(input.account.id) : null;
          const done = await grants.commit(now ? { ...input, generation: now.generation } : input);
          await reached('committed', of);
          return done;
        },
      }),
      logEntries: wrapped(logEntries, {
        async record(entry) {
          await logEntries.record(entry);
          await reached('logged', { accountId: entry.account_id ?? '', attemptId: entry.id });
        },
      }),
    }),
  };
}

/** Decrypts as if ciphertexts were not bound to a context. */
function openingAnywhere(vault: Vault): Vault {
  const places: GrantPlace[] = JSON.parse(process.env['LAB_PLACES'] ?? '[]');
  return wrapped(vault, {
    openToken(sealed, place, field) {
      for (const one of [place, ...places]) {
        try {
          return vault.openToken(sealed, one, field);
        } catch {
          // Encrypted for another context.
        }
      }
      return vault.openToken(sealed, place, field);
    },
  });
}

/** Accounts fail in a row here on purpose, and each must reach its phase. Other tests cover the limiters. */
class ClosedCircuits extends Limiter {
  override acquire = async () => ({ at: new Date() });
  override report = async () => ({ state: null, ofAccount: 'none' as const });
  override sweepHold = async () => null;
}

/** Runs each attempt with its ids in async storage. */
function perAccount(activities: Activities): Activities {
  return {
    ...activities,
    refreshGrant: ({ accountId, attemptId, ...input }) =>
      attempt.run({ accountId, attemptId }, () =>
        activities.refreshGrant({ accountId, attemptId, ...input }),
      ),
  };
}

async function drain(worker: Worker | undefined): Promise<void> {
  if (worker === undefined) process.exit(0);
  if (worker.getState() === 'RUNNING') worker.shutdown();
  while (worker.getState() === 'STOPPING') await delay(20);
  tell({ report: 'draining' });
}

async function main(): Promise<void> {
  const config = loadConfig();
  const logger = createLogger('warn');
  installTemporalRuntime(logger, null);
  const { mongodbUri, ring, temporal } = requireProductionConfig(config);
  const { namespace, taskQueue } = config.temporal;
  const connection = await NativeConnection.connect(temporal);
  const identity = `${process.pid}@${hostname()}`;
  const shutdownGraceTime = '30s' as const;
  const common = { connection, namespace, taskQueue, identity, shutdownGraceTime };

  const create = async () => {
    const { store, vault } = await opened;
    const providers = new ConfiguredProviders(config.providers);
    const now = () => new Date();
    const client = new Client({
      connection: await connectTemporal(temporal, namespace),
      namespace,
    });
    const restoreGuard = new RestoreGuard({ store, marks: rotationMarks(client), now });
    const appLimiter = new ClosedCircuits(store.limiters, store.dueAccounts, async () => undefined);
    const deps = {
      store,
      vault,
      providers,
      appLimiter,
      restoreGuard,
      worker: identity,
      stopping: stopping.signal,
      now,
    };
    return Worker.create({
      ...common,
      workflowBundle: { codePath: join(__dirname, '..', 'workflow-bundle.js') },
      activities: perAccount(createActivities(observed({ ...deps, transport: createTransport() }))),
      maxConcurrentWorkflowTaskExecutions: 400,
      maxConcurrentLocalActivityExecutions: 100,
      maxConcurrentActivityTaskExecutions: 100,
      maxHeartbeatThrottleInterval: '500ms',
    });
  };
  const stopping = new AbortController();
  const opened = openStoreAndVault(mongodbUri, ring, config, { role: 'lab', logger });
  await opened;

  let worker: Worker | undefined;
  process.on('message', (message: LabOrder) => {
    if (message.order === 'hold') {
      holds.set(message.accountId, message.phase);
      tell({ report: 'held', accountId: message.accountId });
    } else if (message.order === 'go') {
      waiting.get(message.accountId)?.();
    } else if (message.order === 'block') {
      const end = performance.now() + message.ms;
      while (performance.now() < end);
    } else if (message.order === 'stop') {
      stopping.abort();
      void drain(worker);
    } else {
      void create().then(async (created) => {
        worker = created;
        const ended = worker.run();
        tell({ report: 'running' });
        await ended;
        process.exit(0);
      });
    }
  });
  // Without its parent, no process would release held attempts.
  process.on('disconnect', () => process.exit(1));
  tell({ report: 'ready' });
}

void main();
