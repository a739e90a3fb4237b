/**
 * The fault lab: a harness whose workers are separate processes, which are killed, frozen or disconnected at phases
 * that the attempts, or the provider, report.
 */
import { randomInt } from 'node:crypto';
import { WorkflowIdConflictPolicy } from '@temporalio/client';
import { registerSearchAttributes } from '../../src/temporal/register-search-attributes';
import { REPLACED_AFTER } from '../../src/workflows/refresh-account';
import type { Harness, HarnessOptions, NewAccount } from '../support/harness';
import { startHarness } from '../support/harness';
import { type LabWorker, type LabWorkerOptions, spawnLabWorker } from '../support/lab-process';

/** In order. `sent`: the provider has the request. `minted`: it has committed a new grant, and not responded. */
export const PHASES = [
  'claimed',
  'marked',
  'sent',
  'minted',
  'answered',
  'sealed',
  'committed',
  'logged',
] as const;
export type Phase = (typeof PHASES)[number];

/** Between the request and the first durable write. Only here can a dying process lose a rotation. */
export const WINDOW: readonly Phase[] = ['sent', 'minted', 'answered', 'sealed'];

/** In these phases Evergrant cannot know whether the refresh token is used. */
const GRACE_RUNS: readonly Phase[] = ['marked', ...WINDOW];

/** Whether this is the long version, `npm run faults`. */
export const LONG = process.env['FAULTS'] === 'long';

/** The number of repetitions in the short and the long version; `variable` overrides the long one. */
export function times(short: number, long: number, variable: string): number {
  return LONG ? Number(process.env[variable] ?? long) : short;
}

const TASK_QUEUE = 'evergrant';
const HELD_MS = 120_000;

/**
 * Rotation with a grace period, as in `providers.yaml` and in the sandbox; longer in the short version, which runs
 * beside other tests.
 */
export const GRACE_SECONDS = times(30, 10, 'FAULTS_GRACE_SECONDS');

export const PROVIDERS = {
  none: { adapter: 'ebay', dialect: 'ebay' },
  grace: { adapter: 'etsy', dialect: 'etsy', replay: `${GRACE_SECONDS}s` },
  'until-used': { adapter: 'shopify', dialect: 'shopify' },
  strict: { adapter: 'etsy', dialect: 'etsy' },
} as const satisfies HarnessOptions['providers'];
export type Mode = keyof typeof PROVIDERS;

const ROTATION: Record<Mode, NonNullable<NewAccount['rotation']>> = {
  none: { mode: 'none' },
  grace: { mode: 'grace', seconds: GRACE_SECONDS },
  'until-used': { mode: 'until_successor_used', seconds: 3600 },
  strict: { mode: 'strict' },
};

/** An account whose attempt was held at a phase, and hit by a fault there. */
export interface Victim {
  id: string;
  phase: Phase;
  /** In ms since 1970. */
  hitAt: number;
}

export interface Lab {
  h: Harness;
  /** Included in every report, so that a run can be repeated in the same order. */
  seed: number;
  addAccount(mode: Mode, account?: NewAccount): Promise<string>;
  spawn(options?: LabWorkerOptions): LabWorker;
  /** Starts a refresh, without waiting for its result. */
  refresh(id: string): Promise<void>;
  /** Resolves when no refresh of these accounts is running. */
  settled(ids: readonly string[]): Promise<void>;
  /** Refreshes each account in `worker` up to its phase; resolves when all of them wait there. */
  holdAt(worker: LabWorker, victims: readonly Omit<Victim, 'hitAt'>[]): Promise<Held>;
  stop(): Promise<void>;
}

interface Held {
  /**
   * The phase that each attempt has really reached. On a starved machine, an attempt can lose its heartbeat while it
   * waits, and another attempt on the account may be further along.
   */
  at: { id: string; phase: Phase }[];
  /** Lets the provider continue with held requests. */
  releaseProvider(): void;
  /** Lets the provider and the worker continue. */
  release(): void;
}

export async function startLab(options: HarnessOptions = {}): Promise<Lab> {
  const h = await startHarness({ worker: false, providers: PROVIDERS, ...options });
  const seed = randomInt(2 ** 31);
  await registerSearchAttributes(h.client.connection, h.namespace);
  const workers: LabWorker[] = [];
  const spawn = (workerOptions?: LabWorkerOptions) => {
    const worker = spawnLabWorker(h, workerOptions);
    workers.push(worker);
    return worker;
  };

  const lab: Lab = {
    h,
    seed,
    spawn,
    async addAccount(mode, account = {}) {
      const { dialect } = PROVIDERS[mode];
      const rotation = ROTATION[mode];
      const life = { expiresInMs: 9 * 60_000 };
      return (await h.addAccount({ provider: mode, dialect, rotation, ...life, ...account })).id;
    },
    async refresh(id) {
      await h.client.workflow.start('refreshAccountWorkflow', {
        workflowId: `refresh-account/${id}`,
        // A sweep of a worker that has just started may have been faster.
        workflowIdConflictPolicy: WorkflowIdConflictPolicy.USE_EXISTING,
        workflowTaskTimeout: REPLACED_AFTER,
        taskQueue: TASK_QUEUE,
        args: [
          {
            accountId: id,
            label: id,
            request: {
              source: 'scheduled',
              caller: 'fault lab',
              requestedAt: new Date().toISOString(),
              force: true,
              capture: false,
            },
          },
        ],
      });
    },
    async settled(ids) {
      await Promise.all(
        ids.map((id) => h.client.workflow.getHandle(`refresh-account/${id}`).result()),
      );
    },
    async holdAt(worker, victims) {
      let releaseProvider = () => {};
      const until = new Promise<void>((resolve) => {
        releaseProvider = resolve;
      });
      // Phases after which a provider's grace period runs come last.
      for (const urgent of [false, true]) {
        const wave = victims.filter(({ phase }) => GRACE_RUNS.includes(phase) === urgent);
        const there = wave.map(({ id, phase }) => waitAt(worker, id, phase, until));
        await Promise.all(there.map(({ planned }) => planned));
        await Promise.all(wave.map(({ id }) => lab.refresh(id)));
        await Promise.all(there.map(({ reached }) => reached));
      }
      return {
        at: victims.map(({ id, phase }) => ({ id, phase: phaseOf(worker, id, phase) })),
        releaseProvider,
        release() {
          releaseProvider();
          for (const { id } of victims) worker.go(id);
        },
      };
    },
    async stop() {
      await Promise.all(workers.map((worker) => worker.stop()));
      await h.stop();
    },
  };

  function waitAt(worker: LabWorker, id: string, phase: Phase, until: Promise<void>) {
    if (phase !== 'sent' && phase !== 'minted') {
      const planned = worker.hold(id, phase);
      return { planned, reached: planned.then(() => worker.reached(id, phase)) };
    }
    const event = phase === 'sent' ? 'received' : 'committed';
    const delayAt = phase === 'sent' ? 'before_commit' : 'after_commit';
    h.sandbox.script({
      subject: id,
      answer: { kind: 'normal', delayMs: HELD_MS, delayAt, until },
    });
    const reached = new Promise<void>((resolve) => {
      const off = h.sandbox.on(event, ({ subject }) => {
        if (subject !== id) return;
        off();
        resolve();
      });
    });
    return { planned: Promise.resolve(), reached };
  }
  return lab;
}

function phaseOf({ marks }: LabWorker, id: string, planned: Phase): Phase {
  const last = marks.findLast(({ accountId }) => accountId === id)?.phase;
  // Only the provider knows the state of a request that was sent.
  return last === undefined || last === 'sent' ? planned : last;
}

/** Shuffles items in an order that the seed determines (mulberry32). */
export function shuffled<T>(items: readonly T[], seed: number): T[] {
  let state = seed >>> 0;
  const random = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  return items
    .map((item) => ({ item, key: random() }))
    .toSorted((a, b) => a.key - b.key)
    .map(({ item }) => item);
}
