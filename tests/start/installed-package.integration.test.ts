/** The tarball of `npm pack`, installed: its files start demo mode, and its command reaches that process. */
import { execFile } from 'node:child_process';
import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { cleanUp, START_MS, startProcess, temporaryFolder } from './_evergrant';

const run = promisify(execFile);
const ROOT = join(__dirname, '..', '..');

afterAll(cleanUp, START_MS);

/** Unpacks the tarball as npm does. Uses the checkout's dependencies, so that no registry is needed. */
async function install(folder: string): Promise<string> {
  const { stdout } = await run(
    'npm',
    ['pack', '--ignore-scripts', '--json', '--pack-destination', folder],
    { cwd: ROOT, maxBuffer: 16 * 1024 * 1024 },
  );
  const [tarball = ''] = /evergrant-[\w.-]+\.tgz/.exec(stdout) ?? [];
  const packageRoot = join(folder, 'node_modules', 'evergrant');
  mkdirSync(packageRoot, { recursive: true });
  await run('tar', ['-xzf', join(folder, tarball), '-C', packageRoot, '--strip-components=1']);
  symlinkSync(join(ROOT, 'node_modules'), join(packageRoot, 'node_modules'));
  return packageRoot;
}

it(
  'an installed package starts demo mode in an empty folder, and its command shows the status',
  async () => {
    const folder = temporaryFolder();
    const packageRoot = await install(folder);
    const cwd = join(folder, 'empty');
    mkdirSync(cwd);
    const server = startProcess('main.js', { DATA_DIR: folder, PORT: '0' }, { packageRoot, cwd });
    const [, url = ''] = await server.printed(/^ {2}API +(\S+)/m);
    const [, key = ''] = await server.printed(/Admin key +(evg_\S+)/);
    const command = join(packageRoot, 'build', 'cli', 'main.js');
    const evergrant = async (...words: string[]) => {
      const { stdout } = await run(process.execPath, [command, ...words], {
        cwd,
        env: { EVERGRANT_URL: url, EVERGRANT_API_KEY: key },
      });
      return stdout;
    };
    expect(await evergrant('--help')).toMatch(/^Usage: evergrant <command>/);
    expect(await evergrant('status')).toMatch(/^all +– +– +26 /m);
    server.signal('SIGTERM');
    expect(await server.exited).toMatchObject({ code: 0 });
  },
  START_MS,
);
