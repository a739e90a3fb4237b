/** Stops the servers that `global-setup.ts` started. */
import { rmSync } from 'node:fs';
import type { RunningEngine } from '../../src/engines/engine';

export default async function globalTeardown(): Promise<void> {
  const { evergrantEngines, evergrantDataDir } = globalThis as unknown as {
    evergrantEngines: RunningEngine[];
    evergrantDataDir: string;
  };
  await Promise.all(evergrantEngines.map((engine) => engine.stop()));
  rmSync(evergrantDataDir, { recursive: true, force: true });
}
