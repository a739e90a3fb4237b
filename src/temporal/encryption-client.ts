/** The key rotation workflow, seen through Temporal: start, pause, resume and progress. */
import {
  type Client,
  WorkflowFailedError,
  WorkflowIdConflictPolicy,
  WorkflowNotFoundError,
} from '@temporalio/client';
import type { RotationProgress } from '../domain/encryption-rotation';
import { ServiceError } from '../domain/service-error';
import { visible } from '../domain/text/visible-text';
import {
  pauseRotationSignal,
  ROTATION_WORKFLOW_ID,
  resumeRotationSignal,
  rotateEncryptionWorkflow,
  rotationProgressQuery,
} from '../workflows/rotate-encryption';
import { answering } from './deadline';

export interface Rotation {
  workflowId: string;
  runId: string;
  status: 'running' | 'paused' | 'completed' | 'failed';
  /** `null` if no worker answers or the rotation failed. */
  progress: RotationProgress | null;
  failure: string | null;
}

export interface EncryptionClient {
  /** The latest rotation; `null` if there was none, or its history has expired. */
  rotation(): Promise<Rotation | null>;
  /** Starts a rotation, or returns the one that is running. */
  start(to: string): Promise<Rotation>;
  /** @throws {ServiceError} `conflict` if none is running */
  pause(note: string): Promise<Rotation>;
  resume(): Promise<Rotation>;
}

/** How long, in ms, a progress query waits for a worker. */
const PROGRESS_WITHIN_MS = 3_000;

export function createEncryptionClient(client: Client, taskQueue: string): EncryptionClient {
  const handle = () =>
    client.workflow.getHandle<typeof rotateEncryptionWorkflow>(ROTATION_WORKFLOW_ID);

  async function rotation(): Promise<Rotation | null> {
    try {
      const { workflowId, runId, status } = await handle().describe();
      const at = { workflowId, runId };
      if (status.name === 'COMPLETED')
        return { ...at, status: 'completed', progress: await handle().result(), failure: null };
      if (status.name !== 'RUNNING')
        return { ...at, status: 'failed', progress: null, failure: await failureOf() };
      const progress = await progressOf();
      return { ...at, status: progress?.paused ? 'paused' : 'running', progress, failure: null };
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) return null;
      throw error;
    }
  }

  /** `null` if no worker answers. */
  async function progressOf(): Promise<RotationProgress | null> {
    return client
      .withDeadline(Date.now() + PROGRESS_WITHIN_MS, () => handle().query(rotationProgressQuery))
      .catch(() => null);
  }

  async function failureOf(): Promise<string> {
    return handle()
      .result()
      .then(
        () => '',
        (error: unknown) => {
          if (!(error instanceof WorkflowFailedError)) throw error;
          const cause = error.cause?.cause instanceof Error ? error.cause.cause : error.cause;
          return cause?.message ?? error.message;
        },
      );
  }

  async function expected(): Promise<Rotation> {
    const newest = await rotation();
    if (newest === null) throw new Error('the started rotation was not found');
    return newest;
  }

  function signalled(signal: () => Promise<void>): Promise<Rotation> {
    return answering(client, async () => {
      try {
        await signal();
      } catch (error) {
        if (error instanceof WorkflowNotFoundError)
          throw new ServiceError('conflict', 'No rotation is running.');
        throw error;
      }
      return expected();
    });
  }

  return {
    rotation: () => answering(client, rotation),
    start: (to) =>
      answering(client, async () => {
        await client.workflow.start(rotateEncryptionWorkflow, {
          workflowId: ROTATION_WORKFLOW_ID,
          workflowIdConflictPolicy: WorkflowIdConflictPolicy.USE_EXISTING,
          taskQueue,
          args: [{ to }],
          staticSummary: `Re-encrypt every record with the key ${to}`,
        });
        return expected();
      }),
    pause: (note) => signalled(() => handle().signal(pauseRotationSignal, { note: visible(note) })),
    resume: () => signalled(() => handle().signal(resumeRotationSignal)),
  };
}
