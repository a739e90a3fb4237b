/**
 * Sources of the encryption keys: the environment, a file, or the output of a command (a KMS, a Vault). Read once, at
 * start. Errors contain neither the output nor the setting, because a misplaced setting may itself be the keys.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

export interface KeySource {
  setting: string;
  /**
   * Returns the keys in the format of `KeyRing.parse`.
   * @throws {KeySourceError}
   */
  read(): string;
}

export class KeySourceError extends Error {
  override name = 'KeySourceError';
}

/** Maximum run time of a key command, in ms. It delays the start. */
const COMMAND_MAX_MS = 20_000;
/** Maximum output of a key command, in bytes. A larger output cannot be a list of keys. */
const OUTPUT_MAX_BYTES = 64 * 1024;

const SOURCES = {
  ENCRYPTION_KEYS: (setting, value) => ({ setting, read: () => value }),
  ENCRYPTION_KEYS_FILE: (setting, value) => ({ setting, read: () => readKeyFile(value) }),
  ENCRYPTION_KEYS_COMMAND: (setting, value) => ({ setting, read: () => runKeyCommand(value) }),
} satisfies Record<string, (setting: string, value: string) => KeySource>;

/**
 * Returns the one configured source, or `null` if there is none.
 * @throws {KeySourceError} if several are set, because Evergrant must not guess which one holds the right keys
 */
export function keySourceOf(environment: Readonly<Record<string, string>>): KeySource | null {
  const set = Object.entries(SOURCES).flatMap(([setting, source]) => {
    const value = environment[setting];
    return value === undefined ? [] : [source(setting, value)];
  });
  if (set.length > 1) {
    const names = set.map(({ setting }) => setting).join(' and ');
    throw new KeySourceError(`${names} are set: keep only one of them`);
  }
  return set[0] ?? null;
}

function readKeyFile(path: string): string {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new KeySourceError(`names a file that cannot be read (${codeOf(error)})`);
  }
  if (text.trim() === '') throw new KeySourceError('names a file that is empty');
  return text;
}

/**
 * Runs the command without a shell, so that nothing is expanded and nothing needs quoting. Its output may contain keys,
 * so an error names only the kind of failure, and stderr is dropped.
 */
function runKeyCommand(command: string): string {
  const [program = '', ...args] = wordsOf(command);
  let output: string;
  try {
    output = execFileSync(program, args, {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
      timeout: COMMAND_MAX_MS,
      killSignal: 'SIGKILL',
      maxBuffer: OUTPUT_MAX_BYTES,
    });
  } catch (error) {
    throw new KeySourceError(failureOf(error));
  }
  if (output.trim() === '') throw new KeySourceError('printed nothing');
  return output;
}

/** Splits a command at spaces, or parses it as a JSON list, which allows spaces in words. */
function wordsOf(command: string): string[] {
  const text = command.trim();
  if (!text.startsWith('[')) return text.split(/\s+/);
  try {
    const words: unknown = JSON.parse(text);
    if (Array.isArray(words) && words.every((word) => typeof word === 'string')) return words;
  } catch {
    // Reported below.
  }
  throw new KeySourceError(
    'must be a program and its arguments, separated by spaces or as a JSON list: ["vault", "kv", "get", …]',
  );
}

function failureOf(error: unknown): string {
  const code = codeOf(error);
  if (code === 'ENOENT') return 'names a program that was not found';
  if (code === 'ETIMEDOUT') return `did not finish within ${COMMAND_MAX_MS / 1000} s`;
  if (code === 'ENOBUFS') return `printed more than ${OUTPUT_MAX_BYTES / 1024} kB`;
  const status = isObject(error) && 'status' in error ? error.status : null;
  return typeof status === 'number' ? `exited with code ${status}` : `failed (${code})`;
}

function codeOf(error: unknown): string {
  return isObject(error) && 'code' in error ? String(error.code) : 'unknown';
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
