/**
 * Starts the servers for the integration tests and bundles the workflows, once per run. `EVERGRANT_TEST_MONGODB_URI` and
 * `EVERGRANT_TEST_TEMPORAL_ADDRESS` name running servers to use instead; the run removes the databases and namespaces that it creates there.
 */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';
import { startMongodb } from '../../src/engines/mongodb/mongodb';
import { NoStrategyWorked } from '../../src/engines/strategies';
import { startTemporal } from '../../src/engines/temporal/temporal';
import { temporalBinary } from '../../src/engines/temporal/temporal-binary';
import { chromium } from '../browser/_chromium';

const log = (line: string) => process.stderr.write(`${line}\n`);

export default async function globalSetup(): Promise<void> {
  const dataDir = mkdtempSync(join(tmpdir(), 'evergrant-tests-'));
  const cacheDir = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'evergrant');
  const options = { dataDir, cacheDir, log };
  const given = {
    mongodb: process.env['EVERGRANT_TEST_MONGODB_URI'],
    temporal: process.env['EVERGRANT_TEST_TEMPORAL_ADDRESS'],
  };
  const [temporal, mongodb, cli] = await Promise.all([
    given.temporal === undefined ? startTemporal({ ...options, searchAttributes: {} }) : null,
    given.mongodb === undefined ? startMongodb(options) : null,
    given.temporal === undefined ? null : temporalBinary(options),
    findChromium(options),
    bundleWorkflows(join(dataDir, 'workflow-bundle.js')),
  ]);
  const started = [temporal, mongodb].filter((one) => one !== null);
  process.env['EVERGRANT_TESTS_TEMPORAL'] = given.temporal ?? temporal?.address;
  process.env['EVERGRANT_TESTS_TEMPORAL_CLI'] = cli?.path ?? temporal?.cliPath;
  if (temporal !== null)
    process.env['EVERGRANT_TESTS_TEMPORAL_DATABASE'] = join(dataDir, 'temporal', 'temporal.db');
  process.env['EVERGRANT_TESTS_MONGODB'] = given.mongodb ?? mongodb?.uri;
  process.env['EVERGRANT_TESTS_CACHE'] = cacheDir;
  if (given.mongodb !== undefined || given.temporal !== undefined) {
    const created = join(dataDir, 'created');
    writeFileSync(created, '');
    process.env['EVERGRANT_TESTS_CREATED'] = created;
  }
  Object.assign(globalThis, { evergrantEngines: started, evergrantDataDir: dataDir });
}

async function bundleWorkflows(file: string): Promise<void> {
  const { code } = await bundleWorkflowCode({
    workflowsPath: require.resolve('../../src/workflows'),
    logger: new DefaultLogger('WARN'),
  });
  writeFileSync(file, code);
  process.env['EVERGRANT_TESTS_WORKFLOW_BUNDLE'] = file;
}

/** Without a browser, only the tests that need one fail, with the reason. */
async function findChromium(options: { cacheDir: string; log: typeof log }): Promise<void> {
  try {
    process.env['EVERGRANT_TESTS_CHROMIUM'] = await chromium(options);
  } catch (error) {
    if (!(error instanceof NoStrategyWorked)) throw error;
    process.env['EVERGRANT_TESTS_NO_CHROMIUM'] = error.message;
  }
}
