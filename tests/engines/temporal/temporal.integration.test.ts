/** The embedded Temporal: its data, its ports, its end, and the programs it accepts. */
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
  collectedLines,
  engineRecord,
  eventually,
  listeningPorts,
  removeFolder,
  runs,
  startParent,
  temporaryFolder,
} from '../_setup';

// Any free port, because tests run in parallel, and next to other servers of the developer.
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
      taskQueue: 'without-worker',
    }),
  );
  return workflowId;
}

const statusOf = (address: string, workflowId: string): Promise<string> =>
  withClient(
    address,
    async (client) => (await client.workflow.getHandle(workflowId).describe()).status.name,
  );

/** Requests that a web page can send without a CORS preflight: reads, and the start of a workflow. */
const REQUESTS = [
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
      log: () => {},
      searchAttributes: { EvergrantProvider: 'Keyword' },
      ports: ANY_PORTS,
      ...options,
    });
    running.push(engine);
    return engine;
  }

  it('keeps workflows and schedules across a restart', async () => {
    const first = await start();
    const workflowId = await startWorkflow(first.address);
    await withClient(first.address, (client) =>
      client.schedule.create({
        scheduleId: 'sweep/ebay',
        spec: { intervals: [{ every: '1h' }] },
        action: { type: 'startWorkflow', workflowType: 'sweep', taskQueue: 'without-worker' },
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

  it('registers search attributes of a later version on existing data', async () => {
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

  it('serves the web UI if it is enabled, and logs a warning', async () => {
    const { log, lines } = collectedLines();
    const { uiUrl } = await start({ ui: true, log });
    const page = async () => (await fetch(uiUrl ?? '').catch(() => undefined))?.ok === true;
    await eventually('the web UI answers', page, 30_000);
    expect(lines.at(-1)).toMatch(
      /^Temporal: web UI at http:\/\/127\.0\.0\.1:\d+\. It has no sign-in/,
    );
  });

  it('serves neither the web UI nor the HTTP API by default, for any Host header', async () => {
    const { address, uiUrl, pid } = await start();
    expect(uiUrl).toBeNull();
    const ports = await listeningPorts(pid);
    expect(ports).toContain(Number(address.replace('127.0.0.1:', '')));
    const found: unknown[] = [];
    for (const port of ports) {
      for (const host of ['evil.example', `127.0.0.1:${port}`, 'localhost', '']) {
        for (const [method, path] of REQUESTS) {
          const status = await statusOfHttp(port, host, method, path);
          if (status !== null && status < 300) found.push({ port, host, method, path });
        }
      }
    }
    expect(found).toEqual([]);
  });

  it('uses another port and logs it if the usual one is in use', async () => {
    const taken = createServer();
    const port = await new Promise<number>((resolve) => {
      taken.listen(0, '127.0.0.1', () => {
        const address = taken.address();
        resolve(typeof address === 'object' && address !== null ? address.port : 0);
      });
    });
    const { log, lines } = collectedLines();
    try {
      const engine = await start({ ports: { grpc: port, ui: 0 }, log });
      const other = engine.address.replace('127.0.0.1:', '');
      expect(other).not.toBe(String(port));
      expect(lines).toContain(`Temporal: port ${port} is in use, using ${other}`);
    } finally {
      taken.close();
    }
  });

  it('stops the server when its parent is killed, and has the data at the next start', async () => {
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
    // Starts immediately, while the old server may still close its files.
    const engine = await start();
    expect(await runs(pid)).toBe(false);
    expect(await statusOf(engine.address, workflowId)).toBe('RUNNING');
    await eventually('the guard ends', async () => !(await runs(guardPid)), 15_000);
  }, 120_000);

  it('stops a server of a killed parent and guard at the next start', async () => {
    const parent = await startParent('temporal', {
      dataDir,
      cacheDir: CACHE_DIR,
      searchAttributes: {},
      ports: ANY_PORTS,
    });
    const { pid, guardPid } = await engineRecord(dataDir, 'temporal');
    process.kill(guardPid, 'SIGSTOP'); // prevents a reaction to the end of the parent
    parent.process.kill('SIGKILL');
    process.kill(guardPid, 'SIGKILL');
    await eventually('the guard ends', async () => !(await runs(guardPid)), 5_000);
    expect(await runs(pid)).toBe(true);
    await start();
    expect(await runs(pid)).toBe(false);
  }, 120_000);

  it('renames a database whose first start was killed', async () => {
    await mkdir(join(dataDir, 'temporal'));
    await writeFile(join(dataDir, 'temporal', 'temporal.db'), '');
    await start();
    const names = await readdir(join(dataDir, 'temporal'));
    expect(names).toContainEqual(expect.stringMatching(/^temporal\.db\.incomplete-\d+$/));
  });

  it('reports that another process killed the server', async () => {
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
    // PATH has neither temporal nor Go, and the network is unreachable.
    const parent = () =>
      startParent(
        'temporal',
        { dataDir, cacheDir, searchAttributes: {} },
        { ...process.env, PATH: cacheDir, HTTPS_PROXY: 'http://127.0.0.1:1' },
      );
    const script = '#!/bin/sh\necho temporal version 1\n';

    it('does not run a program without a record', async () => {
      await writeFile(program, script, { mode: 0o755 });
      expect((await parent()).failed).toContain(
        `temporal in the cache: ${program} is missing, or has no record of a checked download or build`,
      );
    });

    it('fails without another strategy if the program was changed', async () => {
      const fresh = join(cacheDir, 'fresh');
      await writeFile(fresh, script);
      await keepProgram(fresh, program);
      await writeFile(program, script.replace('1', '2'));
      const { failed } = await parent();
      expect(failed).toMatch(
        /temporal-\S+ was changed after it was checked: its SHA-256 is [0-9a-f]{64} but was [0-9a-f]{64}\. Evergrant does not use it\. Delete it\. The next start downloads or builds it again\.$/,
      );
    });
  });

  it('lists every strategy if none works', async () => {
    const cacheDir = await temporaryFolder();
    const parent = await startParent(
      'temporal',
      { dataDir, cacheDir, searchAttributes: {} },
      {
        ...process.env,
        PATH: cacheDir,
        HTTPS_PROXY: 'http://127.0.0.1:1', // makes the download fail on a machine with a network
      },
    );
    await removeFolder(cacheDir);
    expect(parent.failed).toMatch(/^Temporal could not be started/);
    for (const strategy of [
      'temporal on PATH',
      'in the cache',
      'a download of temporal',
      'a go build',
    ]) {
      expect(parent.failed).toContain(strategy);
    }
    expect(parent.failed).toContain('Install the Temporal CLI');
  }, 120_000);
});
