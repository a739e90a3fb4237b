/**
 * A worker whose activity does nothing, in a separate process, set up like Evergrant's (`src/worker/start-worker.ts`).
 */
import { NativeConnection, Worker } from '@temporalio/worker';
import { createLogger } from '../../../src/process/logging';
import { installTemporalRuntime } from '../../../src/process/temporal-runtime';
import { serveWorker } from '../worker-process';

export const BASELINE_QUEUE = 'baseline';
const ACTIVITIES_AT_ONCE = 100;

const activities = { nothing: async (): Promise<number> => 1 };
export type Activities = typeof activities;

if (require.main === module)
  serveWorker(async (setting) => {
    installTemporalRuntime(createLogger('warn'), null);
    const { address, namespace } = setting.temporal;
    const connection = await NativeConnection.connect({ address });
    const worker = await Worker.create({
      connection,
      namespace,
      taskQueue: BASELINE_QUEUE,
      workflowsPath: require.resolve('./workflows'),
      activities,
      maxConcurrentActivityTaskExecutions: ACTIVITIES_AT_ONCE,
    });
    const running = worker.run();
    return {
      async stop() {
        worker.shutdown();
        await running;
        await connection.close();
      },
    };
  });
