/** The strategies that find a Chromium for the browser tests, in order. `tests/support/global-setup.ts` uses the first that works. */
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { EngineOptions } from '../../src/engines/engine';
import { runGuarded } from '../../src/engines/guard/guarded-process';
import { folderBytes, withProgress } from '../../src/engines/progress';
import { firstStrategyThatWorks } from '../../src/engines/strategies';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
const VERSION_WITHIN_MS = 30_000;
const INSTALL_WITHIN_MS = 15 * 60_000;
const INSTALL_HINT = 'Install Chromium or Google Chrome so that it is on PATH.';

type Options = Pick<EngineOptions, 'cacheDir' | 'log'>;

/**
 * Finds or installs Chromium.
 *
 * @throws {NoStrategyWorked} if no strategy works on this machine
 */
export async function chromium(options: Options): Promise<string> {
  const { found } = await firstStrategyThatWorks(
    'Chromium',
    [
      { name: 'chromium or google-chrome on PATH', find: onPath },
      { name: "playwright's download", find: () => downloaded(options) },
      { name: "Debian's package", find: () => debianPackage(options) },
    ],
    INSTALL_HINT,
    options.log,
  );
  return found;
}

async function onPath(): Promise<string> {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  // Absolute paths, because Playwright does not search PATH.
  const candidates = NAMES.flatMap((name) => folders.map((folder) => join(folder, name)));
  const path = candidates.find((candidate) => existsSync(candidate));
  if (path === undefined) throw new Error(`PATH has none of ${NAMES.join(', ')}`);
  return checked(path);
}

/** Checks that the binary runs: a download may need system libraries that are missing. */
async function checked(path: string): Promise<string> {
  const { code, output } = await runGuarded(
    { command: path, args: ['--version'] },
    { timeoutMs: VERSION_WITHIN_MS },
  );
  if (code !== 0 || !/Chrom/.test(output)) throw new Error(`"${path} --version" failed: ${output}`);
  return path;
}

async function downloaded({ cacheDir, log }: Options): Promise<string> {
  const folder = join(cacheDir, 'playwright');
  const variables = { PLAYWRIGHT_BROWSERS_PATH: folder };
  const playwright = join(require.resolve('playwright-core/package.json'), '..', 'cli.js');
  const result = await withProgress(
    log,
    async (elapsed) =>
      `Chromium: downloading: ${((await folderBytes(folder)) / 1e6).toFixed(1)} MB, ${elapsed}`,
    runGuarded(
      { command: process.execPath, args: [playwright, 'install', 'chromium'], variables },
      { timeoutMs: INSTALL_WITHIN_MS },
    ),
  );
  if (result.code !== 0) throw new Error(result.output || 'timed out');
  // In a separate process, because Playwright reads the folder's name only when it is loaded.
  const asked = await runGuarded(
    {
      command: process.execPath,
      args: ['-p', "require('playwright-core').chromium.executablePath()"],
      variables,
    },
    { timeoutMs: VERSION_WITHIN_MS },
  );
  return checked(asked.output);
}

async function debianPackage({ log }: Options): Promise<string> {
  if (process.getuid?.() !== 0) throw new Error('needs root: apt-get install chromium');
  const apt = async (...args: string[]) => {
    const result = await withProgress(
      log,
      (elapsed) => `Chromium: apt-get ${args[0]}: ${elapsed}`,
      runGuarded(
        { command: 'apt-get', args, variables: { DEBIAN_FRONTEND: 'noninteractive' } },
        { timeoutMs: INSTALL_WITHIN_MS },
      ),
    );
    if (result.code !== 0) throw new Error(result.output || 'timed out');
  };
  await apt('update', '-q');
  await apt('install', '-y', '-q', '--no-install-recommends', 'chromium', 'fonts-liberation');
  return onPath();
}
