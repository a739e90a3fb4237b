/** Progress of long steps: a line every few seconds, so that a build does not look like a hang. */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Log } from './engine';

const LOG_EVERY_MS = 5_000;

/**
 * Logs a line every five seconds while the work runs.
 *
 * @param describe returns the line for the elapsed time.
 */
export async function withProgress<T>(
  log: Log,
  describe: (elapsed: string) => string | Promise<string>,
  work: Promise<T>,
): Promise<T> {
  const begun = Date.now();
  const timer = setInterval(() => {
    const elapsed = `${Math.round((Date.now() - begun) / 1000)} s`;
    void Promise.resolve(describe(elapsed)).then(log, () => {});
  }, LOG_EVERY_MS);
  try {
    return await work;
  } finally {
    clearInterval(timer);
  }
}

/** Returns the total size of the files in a folder, in bytes, as the progress of a download; 0 if it does not exist. */
export async function folderBytes(folder: string): Promise<number> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const sizes = entries.map(async (entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return folderBytes(path);
    return stat(path).then(
      ({ size }) => size,
      () => 0,
    );
  });
  return (await Promise.all(sizes)).reduce((total, size) => total + size, 0);
}
