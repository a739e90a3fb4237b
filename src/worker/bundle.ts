/** Bundles the workflows for production. `npm run build` runs this, and the worker loads the result. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';

async function bundle(): Promise<void> {
  const { code } = await bundleWorkflowCode({
    workflowsPath: require.resolve('../workflows'),
    logger: new DefaultLogger('WARN'),
  });
  await writeFile(join(__dirname, '..', 'workflow-bundle.js'), code);
}

void bundle();
