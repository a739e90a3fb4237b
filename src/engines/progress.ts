// Progress of long steps: a line every few seconds, so that nobody takes a build for a hang.
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Say } from './engine';

const SAY_EVERY_MS = 5_000;

/**
 * Says a line every five seconds while the work runs.
 *
 * @param describe what to say, given the elapsed time as text; may look something up first.
 */
export async function withProgress<T>(
  say: Say,
  describe: (elapsed: string) => string | Promise<string>,
  work: Promise<T>,
): Promise<T> {
  const begun = Date.now();
  const timer = setInterval(() => {
    const elapsed = `${Math.round((Date.now() - begun) / 1000)} s`;
    void Promise.resolve(describe(elapsed)).then(say, () => {});
  }, SAY_EVERY_MS);
  try {
    return await work;
  } finally {
    clearInterval(timer);
  }
}

/** The bytes of all files in a folder, as a sign of how far a download is; 0 if there is none. */
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
