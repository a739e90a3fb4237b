/** The servers that this test run has started, for all test files. */

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
  /** The file of the embedded Temporal's database. A given server has none that a test can read. */
  get temporalDatabase() {
    if (process.env['EVERGRANT_TEST_TEMPORAL_ADDRESS'] !== undefined)
      throw new Error(
        'This test reads the database file of the embedded Temporal. Run it without EVERGRANT_TEST_TEMPORAL_ADDRESS.',
      );
    return fromRun('EVERGRANT_TESTS_TEMPORAL_DATABASE');
  },
  /** The workflow code, bundled once per run, because bundling takes a worker seconds. */
  get workflowBundle() {
    return fromRun('EVERGRANT_TESTS_WORKFLOW_BUNDLE');
  },
  /** The URI of a database with this name. */
  mongodbUri(database: string): string {
    const url = new URL(fromRun('EVERGRANT_TESTS_MONGODB'));
    // Credentials belong to the database that the given URI names, or to `admin`.
    if (url.username !== '' && !url.searchParams.has('authSource'))
      url.searchParams.set('authSource', url.pathname.slice(1) || 'admin');
    url.pathname = `/${database}`;
    // No test waits for an election.
    url.searchParams.set('serverSelectionTimeoutMS', '5000');
    return url.href;
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
