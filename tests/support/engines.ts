/** The servers of this test run, for all test files. */
import { ConnectionString } from 'mongodb-connection-string-url';
import { withDatabase } from '../../src/store/mongo/connection-string';
import { recordCreated } from './created';

function fromRun(name: string): string {
  const value = process.env[name];
  if (value === undefined)
    throw new Error(
      `${name} is not set: tests/support/global-setup.ts sets it, for the project "integration" of jest.config.js.`,
    );
  return value;
}

export const engines = {
  get temporalAddress() {
    return fromRun('EVERGRANT_TESTS_TEMPORAL');
  },
  get temporalCli() {
    return fromRun('EVERGRANT_TESTS_TEMPORAL_CLI');
  },
  /** The file of the embedded Temporal's database; `null` on a given server. */
  get temporalDatabase() {
    return process.env['EVERGRANT_TESTS_TEMPORAL_DATABASE'] ?? null;
  },
  /** The workflow code, bundled once per run, because bundling takes a worker seconds. */
  get workflowBundle() {
    return fromRun('EVERGRANT_TESTS_WORKFLOW_BUNDLE');
  },
  /** The URI of a database with this name. */
  mongodbUri(database: string): string {
    recordCreated('database', database);
    const given = withDatabase(fromRun('EVERGRANT_TESTS_MONGODB'), database);
    const uri = new ConnectionString(given);
    // No test waits for an election.
    uri.searchParams.set('serverSelectionTimeoutMS', '5000');
    return uri.href;
  },
  /** The browser's binary. */
  get chromium() {
    const missing = process.env['EVERGRANT_TESTS_NO_CHROMIUM'];
    if (missing !== undefined) throw new Error(missing);
    return fromRun('EVERGRANT_TESTS_CHROMIUM');
  },
  get cacheDir() {
    return fromRun('EVERGRANT_TESTS_CACHE');
  },
};
