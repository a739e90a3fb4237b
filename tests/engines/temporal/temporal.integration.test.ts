import { randomUUID } from 'node:crypto';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { TEMPORAL_VERSION } from '../../../src/engines/archives';
import { keepProgram } from '../../../src/engines/checked-program';
import { type RunningTemporal, startTemporal } from '../../../src/engines/temporal/temporal';
import {
  CACHE_DIR,
  engineRecord,
  eventually,
  listeningPorts,
  removeFolder,
  runs,
  sayings,
  startParent,
  temporaryFolder,
} from '../_setup';

// Any free port: tests run side by side, and beside what the developer has running.
const ANY_PORTS = { grpc: 0, ui: 0 };

async function withClient<T>(address: string, use: (client: Client) => Promise<T>): Promise<T> {
  const connection = await Connection.connect({ address });
  try {
    return await use(new Client({ connection }));
  } finally {
    await connection.close();
  }
}

async function startWorkflow(address: string): Promise<string> {
  const workflowId = `wf-${randomUUID()}`;
  await withClient(address, (client) =>
    client.workflow.start('anything', {
      workflowId,
      taskQueue: 'nobody-listens',
    }),
  );
  return workflowId;
}

const statusOf = (address: string, workflowId: string): Promise<string> =>
  withClient(
    address,
    async (client) => (await client.workflow.getHandle(workflowId).describe()).status.name,
  );

/** What a web page could ask for: to read, and to start a workflow without asking for permission first (CORS). */
const ASKED = [
  ['GET', '/'],
  ['GET', '/api/v1/namespaces'],
  ['GET', '/api/v1/settings'],
  ['POST', '/api/v1/namespaces/default/workflows/planted'],
] as const;

/** `null`: the port does not speak HTTP/1. */
async function statusOfHttp(
  port: number,
  host: string,
  method: string,
  path: string,
): Promise<number | null> {
  const headers = { host, origin: 'http://evil.example', 'content-type': 'text/plain' };
  const body = '{"workflowType":{"name":"x"},"taskQueue":{"name":"q"}}';
  return new Promise((resolve) => {
    const asked = request({ host: '127.0.0.1', port, method, path, headers }, (response) => {
      response.resume();
      resolve(response.statusCode ?? null);
    });
    asked.on('error', () => resolve(null));
    asked.end(method === 'POST' ? body : undefined);
  });
}

describe('startTemporal', () => {
  let dataDir: string;
  let running: RunningTemporal[];

  beforeEach(async () => {
    dataDir = await temporaryFolder();
    running = [];
  });

  afterEach(async () => {
    await Promise.all(running.map((engine) => engine.stop()));
    await removeFolder(dataDir);
  });

  async function start(options: Partial<Parameters<typeof startTemporal>[0]> = {}) {
    const engine = await startTemporal({
      dataDir,
      cacheDir: CACHE_DIR,
      say: () => {},
      searchAttributes: { EvergrantProvider: 'Keyword' },
      ports: ANY_PORTS,
      ...options,
    });
    running.push(engine);
    return engine;
  }

  it('keeps workflows and schedules over a stop and a start', async () => {
    const first = await start();
    const workflowId = await startWorkflow(first.address);
    await withClient(first.address, (client) =>
      client.schedule.create({
        scheduleId: 'sweep/ebay',
        spec: { intervals: [{ every: '1h' }] },
        action: { type: 'startWorkflow', workflowType: 'sweep', taskQueue: 'nobody-listens' },
      }),
    );
    await first.stop();
    expect(await first.exited).toMatchObject({ expected: true });
    expect(await runs(first.pid)).toBe(false);

    const second = await start();
    expect(await statusOf(second.address, workflowId)).toBe('RUNNING');
    const schedule = await withClient(second.address, (client) =>
      client.schedule.getHandle('sweep/ebay').describe(),
    );
    expect(schedule.scheduleId).toBe('sweep/ebay');
  }, 120_000);

  it('registers search attributes that a later version adds, on data that is there', async () => {
    await (await start()).stop();
    const engine = await start({
      searchAttributes: { EvergrantProvider: 'Keyword', EvergrantAccount: 'Keyword' },
      namespace: 'default',
    });
    const names = await withClient(engine.address, async (client) => {
      const { customAttributes } = await client.connection.operatorService.listSearchAttributes({
        namespace: 'default',
      });
      return Object.keys(customAttributes);
    });
    expect(names).toEqual(expect.arrayContaining(['EvergrantProvider', 'EvergrantAccount']));
  }, 120_000);

  it('serves the web UI where it is asked for, and warns of it', async () => {
    const { say, lines } = sayings();
    const { uiUrl } = await start({ ui: true, say });
    const page = async () => (await fetch(uiUrl ?? '').catch(() => undefined))?.ok === true;
    await eventually('the web UI answers', page, 30_000);
    expect(lines.at(-1)).toMatch(
      /^Temporal: web UI at http:\/\/127\.0\.0\.1:\d+\. It asks for no sign-in/,
    );
  });

  it('serves neither the web UI nor the HTTP API where nobody asked for them, whatever the Host header', async () => {
    const { address, uiUrl, pid } = await start();
    expect(uiUrl).toBeNull();
    const ports = await listeningPorts(pid);
    expect(ports).toContain(Number(address.replace('127.0.0.1:', '')));
    const found: unknown[] = [];
    for (const port of ports) {
      for (const host of ['evil.example', `127.0.0.1:${port}`, 'localhost', '']) {
        for (const [method, path] of ASKED) {
          const status = await statusOfHttp(port, host, method, path);
          if (status !== null && status < 300) found.push({ port, host, method, path });
        }
      }
    }
    expect(found).toEqual([]);
  });

  it('takes another port and says which if the usual one is taken', async () => {
    const taken = createServer();
    const port = await new Promise<number>((resolve) => {
      taken.listen(0, '127.0.0.1', () => {
        const address = taken.address();
        resolve(typeof address === 'object' && address !== null ? address.port : 0);
      });
    });
    const { say, lines } = sayings();
    try {
      const engine = await start({ ports: { grpc: port, ui: 0 }, say });
      const other = engine.address.replace('127.0.0.1:', '');
      expect(other).not.toBe(String(port));
      expect(lines).toContain(`Temporal: port ${port} is taken, using ${other}`);
    } finally {
      taken.close();
    }
  });

  it('ends the engine when its parent is killed, and has the data at the next start', async () => {
    const parent = await startParent('temporal', {
      dataDir,
      cacheDir: CACHE_DIR,
      searchAttributes: { EvergrantProvider: 'Keyword' },
      ports: ANY_PORTS,
    });
    expect(parent.failed).toBeUndefined();
    const workflowId = await startWorkflow(String(parent.ready?.['address']));
    const { pid, guardPid } = await engineRecord(dataDir, 'temporal');
    parent.process.kill('SIGKILL');
    // At once, while the old engine may still be closing its files.
    const engine = await start();
    expect(await runs(pid)).toBe(false);
    expect(await statusOf(engine.address, workflowId)).toBe('RUNNING');
    await eventually('the guard ends', async () => !(await runs(guardPid)), 15_000);
  }, 120_000);

  it('ends an engine whose parent and guard were both killed, at the next start', async () => {
    const parent = await startParent('temporal', {
      dataDir,
      cacheDir: CACHE_DIR,
      searchAttributes: {},
      ports: ANY_PORTS,
    });
    const { pid, guardPid } = await engineRecord(dataDir, 'temporal');
    process.kill(guardPid, 'SIGSTOP'); // so that it cannot act on its parent's end
    parent.process.kill('SIGKILL');
    process.kill(guardPid, 'SIGKILL');
    await eventually('the guard ends', async () => !(await runs(guardPid)), 5_000);
    expect(await runs(pid)).toBe(true);
    await start();
    expect(await runs(pid)).toBe(false);
  }, 120_000);

  it('sets a database aside whose first start was killed half-way', async () => {
    await mkdir(join(dataDir, 'temporal'));
    await writeFile(join(dataDir, 'temporal', 'temporal.db'), '');
    await start();
    const names = await readdir(join(dataDir, 'temporal'));
    expect(names).toContainEqual(expect.stringMatching(/^temporal\.db\.incomplete-\d+$/));
  });

  it('tells that the engine was killed by somebody else', async () => {
    const engine = await start();
    process.kill(engine.pid, 'SIGKILL');
    expect(await engine.exited).toMatchObject({
      expected: false,
      detail: expect.stringContaining('SIGKILL'),
    });
  });

  describe('with a program in the cache', () => {
    let cacheDir: string;
    let program: string;
    beforeEach(async () => {
      cacheDir = await temporaryFolder();
      program = join(cacheDir, 'temporal', `temporal-${TEMPORAL_VERSION}`);
      await mkdir(join(cacheDir, 'temporal'));
    });
    afterEach(() => removeFolder(cacheDir));
    // Neither a temporal nor a Go on PATH, and no network.
    const parent = () =>
      startParent(
        'temporal',
        { dataDir, cacheDir, searchAttributes: {} },
        { ...process.env, PATH: cacheDir, HTTPS_PROXY: 'http://127.0.0.1:1' },
      );
    const script = '#!/bin/sh\necho temporal version 1\n';

    it('does not run one that came from no checked download or build', async () => {
      await writeFile(program, script, { mode: 0o755 });
      expect((await parent()).failed).toContain(
        `temporal in the cache: no ${program} that was checked`,
      );
    });

    it('ends the start, without trying another way, if the program was changed since it was checked', async () => {
      const fresh = join(cacheDir, 'fresh');
      await writeFile(fresh, script);
      await keepProgram(fresh, program);
      await writeFile(program, script.replace('1', '2'));
      const { failed } = await parent();
      expect(failed).toMatch(
        /temporal-\S+ was changed after it was checked: its SHA-256 is [0-9a-f]{64}, and was [0-9a-f]{64}\. It is not used\. Delete it; the next start gets it again\.$/,
      );
    });
  });

  it('lists every way it tried if none works', async () => {
    const cacheDir = await temporaryFolder();
    const parent = await startParent(
      'temporal',
      { dataDir, cacheDir, searchAttributes: {} },
      {
        ...process.env,
        PATH: cacheDir,
        HTTPS_PROXY: 'http://127.0.0.1:1', // keeps the download from working where there is a network
      },
    );
    await removeFolder(cacheDir);
    expect(parent.failed).toMatch(/^Temporal could not be started/);
    for (const way of [
      'temporal on PATH',
      'in the cache',
      'a download of temporal',
      'a go build',
    ]) {
      expect(parent.failed).toContain(way);
    }
    expect(parent.failed).toContain('Install the Temporal CLI');
  }, 120_000);
});
