/** The file in which `evergrant login` keeps the address and the key: readable only by its owner, replaced as a whole. */
import { randomUUID } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';
import { z } from 'zod';
import { CommandFailed, UsageError } from './errors';

export interface Credentials {
  url: string;
  apiKey: string;
  /** The file that contains them. */
  path: string;
}

const Content = z.strictObject({ url: z.string(), api_key: z.string().min(1) });

/** Permissions that let other users of the machine read or change a file. */
const OTHERS = 0o077;

export function credentialsPath(environment: NodeJS.ProcessEnv): string {
  const given = environment['XDG_CONFIG_HOME'];
  // The XDG specification ignores relative paths.
  const folder = given && isAbsolute(given) ? given : join(homedir(), '.config');
  return join(folder, 'evergrant', 'credentials.json');
}

/**
 * @returns `null` if no credentials are stored
 * @throws {UsageError} if other users can read or change the file, or it is damaged
 */
export function readCredentials(environment: NodeJS.ProcessEnv): Credentials | null {
  const path = credentialsPath(environment);
  const text = readPrivate(path);
  if (text === null) return null;
  const content = Content.safeParse(parsed(text));
  // The parser's message would quote the text, which contains the key.
  if (!content.success)
    throw new UsageError(
      `${path} is not a file of "evergrant login". Run "evergrant login" again.`,
    );
  return { url: content.data.url, apiKey: content.data.api_key, path };
}

function readPrivate(path: string): string | null {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return null;
    throw new CommandFailed(`${path} cannot be read (${codeOf(error)}).`);
  }
  try {
    // The permissions of the opened file, so that no other file can take its place after the check.
    const { mode, uid } = fstatSync(file);
    const own = process.getuid?.();
    if (own !== undefined && uid !== own && uid !== 0)
      throw new UsageError(
        `${path} belongs to another user, so its key is not used. Remove the file, and run "evergrant login" again.`,
      );
    if (process.platform !== 'win32' && (mode & OTHERS) !== 0)
      throw new UsageError(
        `${path} is accessible to other users (mode ${(mode & 0o777).toString(8)}), so its key is not used. Run: chmod 600 ${path}. If others may have read it, revoke the key.`,
      );
    return readFileSync(file, 'utf8');
  } finally {
    closeSync(file);
  }
}

/** Replaces the file at once: a reader sees the former credentials or the new ones. @returns the path */
export function storeCredentials(
  environment: NodeJS.ProcessEnv,
  { url, apiKey }: Pick<Credentials, 'url' | 'apiKey'>,
): string {
  const path = credentialsPath(environment);
  const staged = `${path}.${randomUUID()}`;
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    // The folder may be older than this call.
    chmodSync(dirname(path), 0o700);
    const file = openSync(staged, 'wx', 0o600);
    try {
      writeFileSync(file, `${JSON.stringify({ url, api_key: apiKey }, null, 2)}\n`);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(staged, path);
  } catch (error) {
    rmSync(staged, { force: true });
    throw new CommandFailed(`${path} cannot be written (${codeOf(error)}).`);
  }
  return path;
}

/** @returns whether there was a file */
export function deleteCredentials(environment: NodeJS.ProcessEnv): boolean {
  const path = credentialsPath(environment);
  try {
    rmSync(path);
    return true;
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return false;
    throw new CommandFailed(`${path} cannot be deleted (${codeOf(error)}).`);
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
}
