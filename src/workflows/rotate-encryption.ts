/**
 * The rotation of the encryption key, after a new key was made the active one: waits until every process encrypts with
 * it, re-encrypts the records page by page while refreshes continue, and verifies. One workflow per database.
 */
import {
  condition,
  continueAsNew,
  defineQuery,
  defineSignal,
  log,
  proxyActivities,
  setHandler,
  sleep,
  workflowInfo,
} from '@temporalio/workflow';
import type { Activities } from '../activities';
import type { RotationInput, RotationProgress } from '../domain/encryption-rotation';

const { surveyRotation, resealRecords, verifyRotation } = proxyActivities<Activities>({
  startToCloseTimeout: '15 minutes',
  heartbeatTimeout: '5s',
  retry: { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '30s' },
});

export const rotationProgressQuery = defineQuery<RotationProgress>('progress');
/** Pauses before the next page; the note tells operators why. */
export const pauseRotationSignal = defineSignal<[{ note: string }]>('pause');
export const resumeRotationSignal = defineSignal('resume');

export const ROTATION_WORKFLOW_ID = 'rotate-encryption';

/** How often to check whether every process encrypts with the key. Processes read the active key every five seconds. */
const FOLLOWED_EVERY = '1s';
/** Pause between passes: time for the writes that the last pass found to finish. */
const NEXT_PASS_AFTER = '1s';
/** Events in the history after which the workflow continues as new. */
const HISTORY_EVENTS_MAX = 2_000;
const NAMED_MAX = 20;

/**
 * Repeats passes over all records until one finds nothing to re-encrypt: a refresh that began before the rotation may
 * write behind a pass. Completes with the progress and the keys that are no longer needed.
 */
export async function rotateEncryptionWorkflow(input: RotationInput): Promise<RotationProgress> {
  const { to } = input;
  // Updated in place, so that the query and continue-as-new always see the current progress.
  const progress = input.progress ?? firstProgress(to);
  setHandler(rotationProgressQuery, () => progress);
  setHandler(pauseRotationSignal, ({ note }) => {
    progress.paused ??= { at: new Date().toISOString(), note };
  });
  setHandler(resumeRotationSignal, () => {
    progress.paused = null;
  });

  const switchedAt = await switched(progress);
  for (;;) {
    await resealAll(progress);
    const { clean } = progress;
    progress.phase = 'verifying';
    const verdict = await verifyRotation.executeWithOptions({ summary: 'Verify the rotation' }, [
      { to, unreadable: progress.unreadable, switchedAt, clean },
    ]);
    Object.assign(progress, verdict);
    if (clean && verdict.waitingGrants === 0) break;
    await sleep(NEXT_PASS_AFTER);
    await continueIfGrown(progress);
  }
  progress.phase = 'done';
  progress.finishedAt = new Date().toISOString();
  log.info('every readable record is encrypted with the key', {
    key: to,
    resealed: progress.resealed,
    unreadable: progress.unreadable,
    removable: progress.removable,
  });
  return progress;
}

/** Waits until every process encrypts with the key. After that, no new value is encrypted with another one. */
async function switched(progress: RotationProgress): Promise<string> {
  const { to } = progress;
  for (;;) {
    if (progress.switchedAt !== null) return progress.switchedAt;
    await unlessPaused(progress);
    const { lagging, total } = await surveyRotation.executeWithOptions(
      { summary: `Check that every process encrypts with ${to}` },
      [{ to }],
    );
    if (lagging.length === 0) {
      progress.total = total;
      progress.switchedAt = new Date().toISOString();
    } else {
      await sleep(FOLLOWED_EVERY);
      await continueIfGrown(progress);
    }
  }
}

/** One pass over all records, or the rest of it. */
async function resealAll(progress: RotationProgress): Promise<void> {
  const { to } = progress;
  progress.phase = 'resealing';
  if (progress.cursor === null)
    Object.assign(progress, { clean: true, unreadable: {}, unreadableRecords: [] });
  do {
    await unlessPaused(progress);
    const page = await resealRecords.executeWithOptions(
      { summary: 'Re-encrypt a page of records' },
      [{ to, cursor: progress.cursor }],
    );
    progress.resealed += page.resealed;
    progress.skipped += page.skipped;
    for (const [keyId, count] of Object.entries(page.unreadable))
      progress.unreadable[keyId] = (progress.unreadable[keyId] ?? 0) + count;
    progress.unreadableRecords = [...progress.unreadableRecords, ...page.unreadableRecords].slice(
      0,
      NAMED_MAX,
    );
    if (page.resealed + page.skipped > 0) progress.clean = false;
    progress.cursor = page.next;
    if (page.next !== null) await continueIfGrown(progress);
  } while (progress.cursor !== null);
  progress.passes += 1;
}

async function unlessPaused(progress: RotationProgress): Promise<void> {
  await condition(() => progress.paused === null);
}

async function continueIfGrown(progress: RotationProgress): Promise<void> {
  const { continueAsNewSuggested, historyLength } = workflowInfo();
  if (!continueAsNewSuggested && historyLength <= HISTORY_EVENTS_MAX) return;
  await continueAsNew<typeof rotateEncryptionWorkflow>({ to: progress.to, progress });
}

function firstProgress(to: string): RotationProgress {
  return {
    to,
    phase: 'promoting',
    paused: null,
    passes: 0,
    cursor: null,
    clean: true,
    total: 0,
    resealed: 0,
    skipped: 0,
    unreadable: {},
    unreadableRecords: [],
    remaining: {},
    waitingGrants: 0,
    removable: [],
    startedAt: new Date().toISOString(),
    switchedAt: null,
    finishedAt: null,
  };
}
