/**
 * The image in containers, as hardened as docker-compose.yml makes them: both processes become ready, refresh an
 * account, and stop in order. `npm run try-image` builds the image and runs this test.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync } from 'node:fs';
import { dirname } from 'node:path';
import getPort from 'get-port';
import { engines } from '../support/engines';
import { eventually } from '../support/eventually';
import { type Harness, startHarness } from '../support/harness';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy';

const READY_MS = 60_000;
/** The promise of the image: an idle process stops within this time. */
const STOPPED_MS = 5_000;

const image = process.env['EVERGRANT_TEST_IMAGE'] ?? '';
const adminKey = randomBytes(24).toString('hex');

let h: Harness;
let proxy: TcpProxy;
const containers: Container[] = [];

beforeAll(async () => {
  h = await startHarness({ worker: false });
  proxy = await startTcpProxy();
  // The user of the image reads the file from outside.
  chmodSync(dirname(h.providersFile), 0o755);
  chmodSync(h.providersFile, 0o644);
});
afterAll(async () => {
  for (const { name } of containers) execFileSync('podman', ['rm', '--force', '--time', '0', name]);
  await proxy.stop();
  await h.stop();
});

interface Container {
  name: string;
  process: ChildProcess;
  output: string[];
  /** Address of the port for monitoring. */
  url: string;
}

async function start(command: string, environment: Record<string, string>): Promise<Container> {
  const port = await getPort();
  const name = `evergrant-${randomBytes(4).toString('hex')}`;
  const variables = {
    // The embedded MongoDB listens on a socket of another user; the container reaches it by the proxy.
    MONGODB_URI: proxy.through(h.mongodbUri),
    TEMPORAL_ADDRESS: engines.temporalAddress,
    TEMPORAL_NAMESPACE: h.namespace,
    ENCRYPTION_KEYS: h.encryptionKeys,
    SANDBOX_CLIENT_SECRET: h.clientSecret,
    PROVIDERS_FILE: '/etc/evergrant/providers.yaml',
    METRICS_PORT: String(port),
    ...environment,
  };
  const options = [
    '--cgroup-manager=cgroupfs',
    '--runtime=runc',
    'run',
    `--name=${name}`,
    '--rm',
    '--network=host',
    '--read-only',
    '--tmpfs=/tmp',
    '--cap-drop=ALL',
    '--security-opt=no-new-privileges',
    '--ulimit=core=0',
    '--ulimit=nofile=4096:4096',
    '--ulimit=nproc=4096:4096',
    `--volume=${h.providersFile}:/etc/evergrant/providers.yaml:ro`,
    // Only the names, so that no secret stands in the list of processes.
    ...Object.keys(variables).map((variable) => `--env=${variable}`),
  ];
  const child = spawn('podman', [...options, image, command], {
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...variables },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output: string[] = [];
  child.stdout.on('data', (chunk) => output.push(String(chunk)));
  child.stderr.on('data', (chunk) => output.push(String(chunk)));
  const container = { name, process: child, output, url: `http://127.0.0.1:${port}` };
  containers.push(container);
  return container;
}

async function isReady({ url, output, process: child }: Container): Promise<boolean> {
  if (child.exitCode !== null) throw new Error(output.join('').slice(-2000));
  return fetch(`${url}/readyz`).then(
    ({ status }) => status === 200,
    () => false,
  );
}

it('M2.5 worker and API run as user 1000 without capabilities, refresh an account, and stop in order', async () => {
  const account = await h.addAccount({ expiresInMs: -60_000 });
  const port = await getPort();
  const worker = await start('build/worker/main.js', {});
  const api = await start('build/server/main.js', { PORT: String(port), ADMIN_API_KEY: adminKey });
  for (const container of [worker, api]) await eventually(() => isReady(container), READY_MS);

  const answer = await fetch(`http://127.0.0.1:${port}/api/admin/accounts/${account.id}/refresh`, {
    method: 'POST',
    headers: { authorization: `Bearer ${adminKey}` },
  });
  expect({ status: answer.status, body: await answer.text() }).toMatchObject({ status: 200 });

  for (const { name } of [worker, api]) {
    const status = execFileSync('podman', ['exec', name, 'cat', '/proc/1/status']).toString();
    expect(status).toMatch(/^Uid:\s+1000\s/m);
    expect(status).toMatch(/^CapEff:\s+0+$/m);
    expect(status).toMatch(/^NoNewPrivs:\s+1$/m);
  }

  for (const { name, process: child } of [api, worker]) {
    const exited = new Promise<number | null>((resolve) => child.once('exit', resolve));
    const began = Date.now();
    execFileSync('podman', ['kill', '--signal', 'TERM', name]);
    expect(await exited).toBe(0);
    expect(Date.now() - began).toBeLessThan(STOPPED_MS);
  }
});
