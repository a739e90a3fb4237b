/** Makes entries of the cache atomic: they are built in a staging folder and then renamed. */
import { mkdir, mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

const STAGING = '.unfinished-';
/** Age in ms beyond which a staging folder is left over. Longer than any build or download takes. */
const LEFTOVER_AFTER_MS = 60 * 60_000;

/** Calls `make` with an empty folder next to the target, and removes the folder afterwards. */
export async function withStagingFolder<T>(
  target: string,
  make: (staging: string) => Promise<T>,
): Promise<T> {
  await mkdir(dirname(target), { recursive: true });
  await removeLeftovers(target);
  const staging = await mkdtemp(`${target}${STAGING}`);
  try {
    return await make(staging);
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

async function removeLeftovers(target: string): Promise<void> {
  const names = await readdir(dirname(target));
  const stagingFolders = names.filter((name) => name.startsWith(`${basename(target)}${STAGING}`));
  const removals = stagingFolders.map(async (name) => {
    const path = join(dirname(target), name);
    const { mtimeMs } = await stat(path);
    if (Date.now() - mtimeMs > LEFTOVER_AFTER_MS) await rm(path, { recursive: true, force: true });
  });
  // A leftover that cannot be removed only takes space.
  await Promise.allSettled(removals);
}
