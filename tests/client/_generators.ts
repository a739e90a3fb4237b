/**
 * The generators of clients that the tests run: versions and hashes are pinned in `generators/`. They are installed into
 * the cache once, because they need TypeScript 5 and Python, which the project does not depend on.
 */
import { execFile } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { engines } from '../support/engines';

export const run = promisify(execFile);
const PINNED = join(__dirname, 'generators');
const PYTHON = 'python3';
/** The oldest version that openapi-python-client supports. */
const PYTHON_MIN = [3, 11] as const;
const PYTHON_HINT = `The test of the Python client needs ${PYTHON} ${PYTHON_MIN.join('.')} or later, with venv and pip, on PATH. Debian and Ubuntu: apt install python3-venv.`;

/** Installs openapi-typescript and openapi-fetch. Returns their `node_modules`. */
export async function typescriptGenerator(): Promise<string> {
  const files = ['package.json', 'package-lock.json'];
  const folder = await installed('openapi-typescript', files, async (into) => {
    for (const file of files) cpSync(join(PINNED, file), join(into, file));
    await run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: into });
  });
  return join(folder, 'node_modules');
}

/** A Python environment with openapi-python-client, and with the packages that its clients use. */
export interface PythonGenerator {
  python: string;
  environment: Record<string, string>;
}

/** Installs openapi-python-client. */
export async function pythonGenerator(): Promise<PythonGenerator> {
  const version = await pythonVersion();
  const file = 'requirements.txt';
  const folder = await installed(`openapi-python-client-${version}`, [file], async (into) => {
    const venv = join(into, 'venv');
    await run(PYTHON, ['-m', 'venv', venv]).catch((error: Error) => {
      throw new Error(`${PYTHON_HINT} ${error.message}`);
    });
    const pip = ['-m', 'pip', 'install', '--quiet', '--require-hashes'];
    await run(join(venv, 'bin', 'python'), [...pip, '-r', join(PINNED, file)]);
  });
  const bin = join(folder, 'venv', 'bin');
  return {
    python: join(bin, 'python'),
    // The generator formats its output with the ruff on PATH.
    environment: { PATH: `${bin}${delimiter}${process.env['PATH'] ?? ''}` },
  };
}

async function pythonVersion(): Promise<string> {
  const code = 'import sys; print("%d.%d" % sys.version_info[:2])';
  const { stdout } = await run(PYTHON, ['-c', code]).catch((error: Error) => {
    throw new Error(`${PYTHON_HINT} ${error.message}`);
  });
  const [major = 0, minor = 0] = stdout.trim().split('.').map(Number);
  const [leastMajor, leastMinor] = PYTHON_MIN;
  if (major < leastMajor || (major === leastMajor && minor < leastMinor))
    throw new Error(`${PYTHON_HINT} This is ${stdout.trim()}.`);
  return stdout.trim();
}

/** The folder of an installation with these pinned files, which several test runs may share. */
async function installed(
  name: string,
  files: readonly string[],
  install: (into: string) => Promise<void>,
): Promise<string> {
  const hash = createHash('sha256');
  for (const file of files) hash.update(readFileSync(join(PINNED, file)));
  const folder = join(engines.cacheDir, 'generators', `${name}-${hash.digest('hex').slice(0, 12)}`);
  if (existsSync(folder)) return folder;
  const unfinished = `${folder}.${randomUUID()}`;
  mkdirSync(unfinished, { recursive: true });
  try {
    await install(unfinished);
    renameSync(unfinished, folder);
  } catch (error) {
    // Another run may have finished first.
    if (!existsSync(folder)) throw error;
  } finally {
    rmSync(unfinished, { recursive: true, force: true });
  }
  return folder;
}
