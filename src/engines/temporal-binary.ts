// The ordered ways to a `temporal` command: PATH, our cache, the SDK's download, a Go build.

import { access, mkdir, readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { withFolderAside } from './aside';
import { download } from './download';
import type { EngineOptions } from './engine';
import { CommandNotStarted, runGuarded } from './guarded-process';
import { packageFile } from './package-file';
import { withProgress } from './progress';
import { firstWayThatWorks } from './ways';

// The newest version that `go install` takes: from 1.6 on, its go.mod has a replace directive.
const GO_VERSION = '1.5.1';
const GO_MODULE = 'github.com/temporalio/cli';
const GO_BUILD_WITHIN_MS = 30 * 60_000;
const VERSION_WITHIN_MS = 30_000;
const EXE = process.platform === 'win32' ? '.exe' : '';

const INSTALL = `Install the Temporal CLI (https://docs.temporal.io/cli#install), or Go, or set TEMPORAL_ADDRESS to a server that runs.`;

export interface TemporalBinary {
  way: string;
  path: string;
}

/**
 * Finds or gets the Temporal command line, which contains the dev server.
 *
 * @throws {NoWayWorked} if this machine offers none of the ways.
 */
export async function temporalBinary(options: EngineOptions): Promise<TemporalBinary> {
  const folder = join(options.cacheDir, 'temporal');
  const built = join(folder, `temporal-${GO_VERSION}${EXE}`);
  const { way, found } = await firstWayThatWorks(
    'Temporal',
    [
      { name: 'temporal on PATH', find: () => checked('temporal', options) },
      { name: 'temporal in the cache', find: () => cached(folder, built, options) },
      { name: "the SDK's download", find: () => downloaded(folder, options) },
      {
        name: `go install ${GO_MODULE}/cmd/temporal@v${GO_VERSION}`,
        find: () => goInstalled(built, options),
      },
    ],
    INSTALL,
    options.say,
  );
  return { way, path: found };
}

/** A binary counts only if it runs here: another machine's may lie in a shared cache. */
async function checked(path: string, { environment }: EngineOptions): Promise<string> {
  const command = { command: path, args: ['--version'], environment };
  const result = await runGuarded(command, { timeoutMs: VERSION_WITHIN_MS });
  if (result.code !== 0 || !/temporal version/i.test(result.output)) {
    throw new Error(`"${path} --version" failed: ${result.output || 'no output'}`);
  }
  return path;
}

async function cached(folder: string, built: string, options: EngineOptions): Promise<string> {
  const candidates = [...(await sdkDownloads(folder)), built];
  let refusal = `none in ${folder}`;
  for (const path of candidates) {
    try {
      // oxlint-disable-next-line no-await-in-loop -- the first that runs is enough
      await access(path);
      // oxlint-disable-next-line no-await-in-loop
      return await checked(path, options);
    } catch (error) {
      if (error instanceof CommandNotStarted) refusal = error.message;
    }
  }
  throw new Error(refusal);
}

/** What the SDK left: `temporal-sdk-typescript-<SDK version>`, the newest first. */
async function sdkDownloads(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch(() => []);
  return names
    .filter((name) => name.startsWith('temporal-sdk-typescript-') && !name.endsWith('.downloading'))
    .toSorted((a, b) => b.localeCompare(a, 'en', { numeric: true }))
    .map((name) => join(folder, name));
}

async function downloaded(folder: string, options: EngineOptions): Promise<string> {
  await mkdir(folder, { recursive: true });
  const before = await sdkDownloads(folder);
  const result = await download('Temporal', 'the dev server', folder, options, {
    command: process.execPath,
    args: [packageFile('src/engines/download-temporal.cjs'), folder],
  });
  // The file counts, not the exit code: the SDK also starts what it downloaded, and gives it only
  // five seconds, which a busy machine may not manage.
  const [newest] = (await sdkDownloads(folder)).filter((path) => !before.includes(path));
  if (newest === undefined) throw new Error(result);
  return checked(newest, options);
}

async function goInstalled(built: string, options: EngineOptions): Promise<string> {
  return withFolderAside(built, async (aside) => {
    await goInstall(aside, options);
    const fresh = join(aside, `temporal${EXE}`);
    await checked(fresh, options);
    await rename(fresh, built);
    return built;
  });
}

async function goInstall(folder: string, { say, environment }: EngineOptions): Promise<void> {
  let modules = 0;
  let packages = 0;
  say('Temporal: go build: begins; it takes 3 to 6 minutes the first time');
  const build = runGuarded(
    {
      command: 'go',
      args: [
        'install',
        '-v', // names each package as it is compiled
        `-ldflags=-s -w -X ${GO_MODULE}/temporalcli.Version=${GO_VERSION}`,
        `${GO_MODULE}/cmd/temporal@v${GO_VERSION}`,
      ],
      variables: { GOBIN: folder },
      environment,
    },
    {
      timeoutMs: GO_BUILD_WITHIN_MS,
      onLine: (line) => {
        if (line.startsWith('go: ')) modules += 1;
        else packages += 1;
      },
    },
  );
  const describe = (elapsed: string): string =>
    packages === 0
      ? `Temporal: go build: modules downloaded: ${modules}, ${elapsed}`
      : `Temporal: go build: packages compiled: ${packages}, ${elapsed}`;
  const result = await withProgress(say, describe, build);
  if (result.timedOut) throw new Error('go install took more than half an hour');
  if (result.code !== 0) throw new Error(`go install failed: ${result.output}`);
}
