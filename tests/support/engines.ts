/** The engines of this run, as every test file finds them. */

function fromRun(name: string): string {
  const value = process.env[name];
  if (value === undefined)
    throw new Error(`${name} is not set: is tests/support/global-setup.ts configured in jest?`);
  return value;
}

export const engines = {
  get temporalAddress() {
    return fromRun('EVERGRANT_TESTS_TEMPORAL');
  },
  get temporalCli() {
    return fromRun('EVERGRANT_TESTS_TEMPORAL_CLI');
  },
  get temporalDatabase() {
    return fromRun('EVERGRANT_TESTS_TEMPORAL_DATABASE');
  },
  /** A database of its own name for whoever asks. */
  mongodbUri(database: string): string {
    const url = new URL(fromRun('EVERGRANT_TESTS_MONGODB'));
    url.pathname = `/${database}`;
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
