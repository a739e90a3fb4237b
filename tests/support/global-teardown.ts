/** Stops the servers that `global-setup.ts` started, and removes what the tests created on given servers. */
import { rmSync } from 'node:fs';
import type { RunningEngine } from '../../src/engines/engine';
import { deleteNamespaces, dropDatabases } from './created';

export default async function globalTeardown(): Promise<void> {
  const { evergrantEngines, evergrantDataDir } = globalThis as unknown as {
    evergrantEngines: RunningEngine[];
    evergrantDataDir: string;
  };
  const created = process.env['EVERGRANT_TESTS_CREATED'];
  const { EVERGRANT_TEST_MONGODB_URI: uri, EVERGRANT_TEST_TEMPORAL_ADDRESS: address } = process.env;
  try {
    if (created !== undefined && uri !== undefined) await dropDatabases(created, uri);
    if (created !== undefined && address !== undefined) await deleteNamespaces(created, address);
  } finally {
    await Promise.all(evergrantEngines.map((engine) => engine.stop()));
    rmSync(evergrantDataDir, { recursive: true, force: true });
  }
}
