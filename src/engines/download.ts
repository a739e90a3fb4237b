// Downloads by somebody else's downloader (the SDK's, mongodb-memory-server's), run as a process that
// can be given up: bounded by silence rather than by time, so that a slow line may take its time.

import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { EngineOptions } from './engine';
import { type GuardedCommand, runGuarded } from './guarded-process';
import { folderBytes, withProgress } from './progress';

const SILENT_MAX_MS = 45_000;
const DOWNLOAD_WITHIN_MS = 15 * 60_000;
const WATCH_EVERY_MS = 1_000;

/**
 * Runs the downloader and says how far it is by what lies in the folder.
 *
 * @returns what the downloader printed; the caller looks for the result, which alone counts.
 */
export async function download(
  engine: string,
  what: string,
  folder: string,
  { say, environment }: EngineOptions,
  command: GuardedCommand,
): Promise<string> {
  // Left by a download that was killed, it makes both downloaders wait for it.
  await removeUnfinished(folder);
  const before = await folderBytes(folder);
  const giveUp = new AbortController();
  let bytes = before;
  let grownAt = Date.now();
  const look = async (): Promise<void> => {
    const now = await folderBytes(folder);
    if (now !== bytes) grownAt = Date.now();
    bytes = now;
    if (Date.now() - grownAt > SILENT_MAX_MS) giveUp.abort();
  };
  const watch = setInterval(() => void look(), WATCH_EVERY_MS);
  try {
    const result = await withProgress(
      say,
      (elapsed) =>
        `${engine}: downloading ${what}: ${((bytes - before) / 1e6).toFixed(1)} MB, ${elapsed}`,
      runGuarded(
        { environment, ...command },
        { timeoutMs: DOWNLOAD_WITHIN_MS, giveUp: giveUp.signal },
      ),
    );
    if (!result.timedOut) return result.output || `exit code ${result.code}`;
    return `given up: nothing came for ${SILENT_MAX_MS / 1000} s`;
  } finally {
    clearInterval(watch);
    await removeUnfinished(folder);
  }
}

async function removeUnfinished(folder: string): Promise<void> {
  const names = await readdir(folder).catch(() => []);
  const unfinished = names.filter((name) => /\.(?:downloading|lock)$/.test(name));
  await Promise.all(unfinished.map((name) => rm(join(folder, name), { force: true })));
}
