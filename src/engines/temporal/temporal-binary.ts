/** Strategies for a `temporal` command: PATH, the cache, a checked download, a build from checked modules. */
import { join } from 'node:path';
import { archiveOf, TEMPORAL_VERSION, thisPlatform } from '../archives';
import { isChecked, keepProgram } from '../checked-program';
import { download } from '../download';
import type { EngineOptions } from '../engine';
import { runGuarded } from '../guard/guarded-process';
import { packageFile } from '../package-file';
import { withProgress } from '../progress';
import { withStagingFolder } from '../staging-folder';
import { firstStrategyThatWorks } from '../strategies';

const GO_MODULE = 'github.com/temporalio/cli';
const GO_BUILD_WITHIN_MS = 30 * 60_000;
const VERSION_WITHIN_MS = 30_000;
const EXE = process.platform === 'win32' ? '.exe' : '';

const INSTALL = `Install the Temporal CLI (https://docs.temporal.io/cli#install), or Go, or set TEMPORAL_ADDRESS to a running server.`;

export interface TemporalBinary {
  strategy: string;
  path: string;
}

/**
 * Finds, downloads or builds the Temporal CLI, which contains the dev server.
 *
 * @throws {NoStrategyWorked} if no strategy works.
 */
export async function temporalBinary(options: EngineOptions): Promise<TemporalBinary> {
  const path = join(options.cacheDir, 'temporal', `temporal-${TEMPORAL_VERSION}${EXE}`);
  const { strategy, found } = await firstStrategyThatWorks(
    'Temporal',
    [
      { name: 'temporal on PATH', find: () => checked('temporal', options) },
      { name: 'temporal in the cache', find: () => cached(path, options) },
      {
        name: `a download of temporal ${TEMPORAL_VERSION}`,
        find: () => downloaded(path, options),
      },
      {
        name: `a go build of ${GO_MODULE} ${TEMPORAL_VERSION}`,
        find: () => goBuilt(path, options),
      },
    ],
    INSTALL,
    options.log,
  );
  return { strategy, path: found };
}

/** A shared cache may contain the binary of another platform, so it must run here. */
async function checked(path: string, { environment }: EngineOptions): Promise<string> {
  const command = { command: path, args: ['--version'], environment };
  const result = await runGuarded(command, { timeoutMs: VERSION_WITHIN_MS });
  if (result.code !== 0 || !/temporal version/i.test(result.output)) {
    throw new Error(`"${path} --version" failed: ${result.output || 'no output'}`);
  }
  return path;
}

async function cached(path: string, options: EngineOptions): Promise<string> {
  if (!(await isChecked(path)))
    throw new Error(`${path} is missing, or has no record of a checked download or build`);
  return checked(path, options);
}

async function downloaded(path: string, options: EngineOptions): Promise<string> {
  await download('Temporal', archiveOf('temporal', thisPlatform()), path, options);
  return checked(path, options);
}

async function goBuilt(path: string, options: EngineOptions): Promise<string> {
  await withStagingFolder(path, async (staging) => {
    const fresh = join(staging, `temporal${EXE}`);
    await goBuild(fresh, options);
    await checked(fresh, options);
    await keepProgram(fresh, path);
  });
  return path;
}

async function goBuild(program: string, { log, environment }: EngineOptions): Promise<void> {
  let modules = 0;
  let packages = 0;
  log('Temporal: go build started; the first build takes 3 to 6 minutes');
  const build = runGuarded(
    {
      command: 'go',
      args: [
        'build',
        '-C',
        packageFile('src/engines/temporal/temporal-cli'),
        '-v', // prints each package, for the progress
        '-mod=readonly', // modules must match go.sum, which is not changed
        '-trimpath',
        `-ldflags=-s -w -X ${GO_MODULE}/temporalcli.Version=${TEMPORAL_VERSION}`,
        '-o',
        program,
        `${GO_MODULE}/cmd/temporal`,
      ],
      variables: { GOWORK: 'off' },
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
  const result = await withProgress(log, describe, build);
  if (result.timedOut) throw new Error('go build took more than half an hour');
  if (result.code !== 0) throw new Error(`go build failed: ${result.output}`);
}
