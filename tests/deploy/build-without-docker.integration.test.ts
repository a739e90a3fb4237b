/**
 * Builds the content of the image without a container engine: the COPY and RUN steps of the Dockerfile, stage by stage,
 * each in a separate folder with only the files that .dockerignore admits. Then starts both commands of the image. It
 * shows that the image contains all that the program needs at run time; it does not check the base image.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, relative } from 'node:path';
import { compose, environmentOf, repository } from './compose-file';
import { readBuildContext, readStages, type Stage } from './dockerfile';

const minute = 60_000;
const root = mkdtempSync(join(tmpdir(), 'evergrant-image-'));
const context = join(root, 'context');
const folderOf = (stage: string) => join(root, 'stages', stage);
const stages = readStages();
const image = folderOf(stages.at(-1)?.name ?? '');

beforeAll(() => {
  mkdirSync(context);
  for (const path of readBuildContext())
    cpSync(join(repository, path), join(context, path), { recursive: true });
  for (const stage of stages) build(stage);
}, 10 * minute);

afterAll(() => rmSync(root, { recursive: true }), minute);

describe('the image', () => {
  it('contains the program and no development tool', () => {
    expect(readdirSync(image).toSorted()).toEqual([
      'build',
      'node_modules',
      'package.json',
      'providers',
    ]);
    const installed = readdirSync(join(image, 'node_modules'));
    expect(installed).toContain('mongoose');
    for (const tool of ['typescript', 'jest', 'oxlint', 'knip'])
      expect(installed).not.toContain(tool);
  });

  it("contains Temporal's native core for one platform", () => {
    const core = join(image, 'node_modules', '@temporalio', 'core-bridge');
    expect(readdirSync(join(core, 'releases'))).toHaveLength(1);
    expect(readdirSync(core)).not.toContain('sdk-core');
  });

  it('contains the workflow bundle', () => {
    expect(readdirSync(join(image, 'build'))).toContain('workflow-bundle.js');
  });

  it.each(['build/worker/main.js', 'build/server/main.js'])(
    'starts %s, which names its missing settings',
    (command) => {
      const { status, output } = start(command, {});
      expect(output).not.toMatch(/Cannot find (module|package)|MODULE_NOT_FOUND|ENOENT/);
      expect(output).toMatch(/MONGODB_URI|TEMPORAL_ADDRESS|ENCRYPTION_KEYS/);
      expect(status).toBeGreaterThan(0);
    },
    minute,
  );

  it.each(['worker', 'api'])(
    'starts the %s of docker-compose.yml up to its connection to the engines',
    (name) => {
      const service = compose.services[name];
      if (service === undefined) throw new Error(`no service ${name}`);
      const environment = environmentOf(service, {
        ENCRYPTION_KEYS: `k1:${Buffer.alloc(32, 7).toString('base64')}`,
        INTERNAL_API_KEY: 'i'.repeat(64),
        ADMIN_API_KEY: 'a'.repeat(64),
        EBAY_CLIENT_ID: 'id',
        EBAY_CLIENT_SECRET: 'secret',
      });
      // Nothing listens on port 1, so the error must be about the engines and not about the settings.
      const { output } = start(service.command?.[0] ?? '', {
        ...environment,
        HOST: '127.0.0.1',
        PORT: '0',
        METRICS_HOST: '127.0.0.1',
        METRICS_PORT: '0',
        MONGODB_URI: 'mongodb://127.0.0.1:1/evergrant?serverSelectionTimeoutMS=2000',
        TEMPORAL_ADDRESS: '127.0.0.1:1',
        PROVIDERS_FILE: join(repository, 'providers.yaml'),
      });
      expect(output).not.toMatch(
        /Cannot find (module|package)|MODULE_NOT_FOUND|ENOENT|configuration is invalid/,
      );
      expect(output).toMatch(/127\.0\.0\.1:1\b|refused|unreachable|not reachable/i);
    },
    minute,
  );
});

/** Starts a command of the image as its entry point would, and ends it after 20 s if it still runs. */
function start(
  command: string,
  environment: Record<string, string>,
): { status: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [command], {
    cwd: image,
    env: { PATH: process.env['PATH'], NODE_ENV: 'production', ...environment },
    encoding: 'utf8',
    timeout: 50_000,
  });
  return { status, output: stdout + stderr };
}

function build({ name, base, instructions }: Stage): void {
  const folder = folderOf(name);
  // A copy that shares unchanged files if the file system supports it. A stage from an image starts empty.
  if (stages.some((stage) => stage.name === base)) {
    mkdirSync(join(root, 'stages'), { recursive: true });
    execFileSync('cp', ['-a', '--reflink=auto', folderOf(base), folder]);
  } else mkdirSync(folder, { recursive: true });

  for (const { keyword, text } of instructions) {
    if (keyword === 'COPY') copy(folder, text);
    if (keyword === 'RUN') run(folder, text.replaceAll(/--mount=\S+\s+/g, ''));
  }
}

function copy(folder: string, text: string): void {
  const words = text.split(' ');
  const from = words[0]?.startsWith('--from=') ? words.shift()?.slice('--from='.length) : undefined;
  const target = words.pop() ?? '';
  for (const path of words) {
    const source =
      from === undefined ? join(context, path) : join(folderOf(from), relative('/app', path));
    const into = target.endsWith('/') ? join(folder, target, basename(path)) : join(folder, target);
    execFileSync('cp', ['-a', '--reflink=auto', source, into]);
  }
}

function run(folder: string, command: string): void {
  // Without the variables of the test runner, and with the npm of the base image's Node, because an
  // image build has neither this machine's settings nor its npm.
  const { NODE_ENV: _, ...env } = process.env;
  const { status, stdout, stderr } = spawnSync(
    'npx',
    ['--yes', '--package=npm@11', '--', 'sh', '-c', command],
    { cwd: folder, encoding: 'utf8', env },
  );
  if (status !== 0) throw new Error(`RUN ${command}\n${stdout}\n${stderr}`);
}
