/**
 * Programs in the cache. A program is used only if it came from a checked download or build: a record next to it holds
 * its SHA-256, and a program that differs from its record is refused.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { chmod, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { z } from 'zod';

// Hashing the 210 MB of Temporal takes 0.7 s, so a program with unchanged size and times is not hashed again.
const recordSchema = z.object({
  sha256: z.string(),
  size: z.number(),
  mtimeMs: z.number(),
  ctimeMs: z.number(),
});

/** A file in the cache differs from the checked file. The message names it and the remedy. */
export class ChangedFile extends Error {
  readonly code = 'changed_file';

  constructor(file: string, difference: string, remedy: string) {
    super(`${file} ${difference}. Evergrant does not use it. ${remedy}`);
    this.name = 'ChangedFile';
  }
}

/** Moves a checked program into the cache, makes it executable, and writes its record. */
export async function keepProgram(fresh: string, path: string): Promise<void> {
  await chmod(fresh, 0o755);
  const sha256 = await sha256Of(fresh);
  // Removes the old record first, because it does not describe the new program.
  await rm(recordFile(path), { force: true });
  await rename(fresh, path);
  await writeRecord(path, sha256);
}

/**
 * Whether the cache has the program with a matching record.
 *
 * @throws {ChangedFile} if the program differs from its record.
 */
export async function isChecked(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  const text = await readFile(recordFile(path), 'utf8').catch(() => undefined);
  if (found === undefined || text === undefined) return false;
  const record = recordSchema.parse(JSON.parse(text));
  const { size, mtimeMs, ctimeMs } = found;
  if (size === record.size && mtimeMs === record.mtimeMs && ctimeMs === record.ctimeMs) return true;
  const sha256 = await sha256Of(path);
  if (sha256 !== record.sha256) {
    throw new ChangedFile(
      path,
      `was changed after it was checked: its SHA-256 is ${sha256} but was ${record.sha256}`,
      'Delete it. The next start downloads or builds it again.',
    );
  }
  // The program was copied or restored from a backup: only its times changed.
  await writeRecord(path, sha256);
  return true;
}

export async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk);
  return hash.digest('hex');
}

async function writeRecord(path: string, sha256: string): Promise<void> {
  const { size, mtimeMs, ctimeMs } = await stat(path);
  await writeFile(recordFile(path), `${JSON.stringify({ sha256, size, mtimeMs, ctimeMs })}\n`);
}

function recordFile(path: string): string {
  return `${path}.checked.json`;
}
