/** Workers of two versions, of which the second has other workflow code. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';
import type { RunningWorker } from '../../src/worker/start-worker';
import { eventually } from '../support/eventually';
import { type Harness, type HarnessOptions, startHarness } from '../support/harness';

const ACCOUNTS = 4;
/** For a set-up that bundles workflow code. */
export const BUNDLED_MS = 300_000;

export interface Versions {
  h: Harness;
  key: string;
  start(buildId: string, code?: 'next'): Promise<RunningWorker>;
  makeCurrent(buildId: string): Promise<void>;
  /**
   * Ids of accounts whose first attempt failed, so that their workflows wait for the second one.
   * @param refresh starts their refreshes; default: on request
   */
  accountsInRefresh(refresh?: (ids: readonly string[]) => Promise<unknown>): Promise<string[]>;
  workflow(accountId: string): ReturnType<Harness['client']['workflow']['getHandle']>;
  failedTasks(accountId: string): Promise<number>;
  stop(): Promise<void>;
}

export async function startVersions(options: HarnessOptions = {}): Promise<Versions> {
  const folder = mkdtempSync(join(tmpdir(), 'evergrant-versions-'));
  const nextVersion = join(folder, 'workflow-bundle.js');
  const { code } = await bundleWorkflowCode({
    workflowsPath: require.resolve('./_next-version'),
    logger: new DefaultLogger('WARN'),
  });
  writeFileSync(nextVersion, code);
  const h = await startHarness({ ...options, worker: false });
  const key = await h.key();
  const workflow = (id: string) => h.client.workflow.getHandle(`refresh-account/${id}`);
  const events = async (id: string) => (await workflow(id).fetchHistory()).events ?? [];
  const hasBegun = async (id: string) =>
    (await events(id)).some((event) => event.workflowTaskCompletedEventAttributes);
  const onRequest = async (ids: readonly string[]) => {
    for (const id of ids)
      void h.request(key, 'POST', `/api/admin/accounts/${id}/refresh`, { force: true });
  };
  return {
    h,
    key,
    workflow,
    async start(buildId, version) {
      const deployment = { name: 'evergrant', buildId };
      return h.startWorker({
        config: { ...h.config, temporal: { ...h.config.temporal, deployment } },
        store: h.store,
        ...(version === undefined ? {} : { workflowBundle: nextVersion }),
      });
    },
    async makeCurrent(buildId) {
      // Temporal knows a version some time after its worker has begun to poll.
      await eventually(async () => {
        await h.client.workflowService.setWorkerDeploymentCurrentVersion({
          namespace: h.namespace,
          deploymentName: 'evergrant',
          buildId,
          ignoreMissingTaskQueues: true,
        });
        return true;
      });
    },
    async accountsInRefresh(refresh = onRequest) {
      const due = { expiresInMs: -60_000 };
      const accounts = await Promise.all(Array.from({ length: ACCOUNTS }, () => h.addAccount(due)));
      for (const { externalId } of accounts)
        h.sandbox.script({ subject: externalId, answer: { kind: 'unavailable' } });
      await refresh(accounts.map(({ id }) => id));
      // The first attempt is in the history, which the next version replays.
      await Promise.all(accounts.map(({ id }) => eventually(() => hasBegun(id))));
      return accounts.map(({ id }) => id);
    },
    async failedTasks(id) {
      return (await events(id)).filter((event) => event.workflowTaskFailedEventAttributes).length;
    },
    async stop() {
      await h.stop();
      rmSync(folder, { recursive: true });
    },
  };
}
