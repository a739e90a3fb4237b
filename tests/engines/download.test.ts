/** Downloads of programs, and their records in the cache. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmod, mkdir, readdir, readFile, stat, utimes, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { archiveOf, TEMPORAL_VERSION } from '../../src/engines/archives';
import { ChangedFile, isChecked } from '../../src/engines/checked-program';
import { download } from '../../src/engines/download';
import { removeFolder, temporaryFolder } from './_setup';

const SCRIPT = '#!/bin/sh\necho running\n';

describe('download', () => {
  let folder: string;
  let path: string;
  let server: Server;
  let served: Buffer;
  let url: string;

  beforeEach(async () => {
    folder = await temporaryFolder();
    path = join(folder, 'cache', 'program-1');
    const source = join(folder, 'program-1-for-this-platform');
    await mkdir(join(source, 'bin'), { recursive: true });
    await writeFile(join(source, 'bin', 'program'), SCRIPT);
    const file = join(folder, 'archive.tgz');
    await promisify(execFile)('tar', ['-czf', file, '-C', folder, 'program-1-for-this-platform']);
    served = await readFile(file);
    server = createServer((_, response) => response.end(served)).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/archive.tgz`;
  });
  afterEach(async () => {
    server.close();
    await removeFolder(folder);
  });

  const get = (sha256 = createHash('sha256').update(served).digest('hex'), from = url) =>
    download('Engine', { url: from, sha256, program: 'bin/program', stripped: 1 }, path, {
      dataDir: folder,
      cacheDir: join(folder, 'cache'),
      log: () => {},
      environment: { PATH: process.env['PATH'] },
    });

  it('stores the executable program of an archive with the pinned SHA-256', async () => {
    await get();
    expect((await promisify(execFile)(path)).stdout).toBe('running\n');
    expect(await isChecked(path)).toBe(true);
    expect(await readdir(join(folder, 'cache'))).toEqual(['program-1', 'program-1.checked.json']);
  });

  it('refuses an archive with one changed byte and stores nothing', async () => {
    const sha256 = createHash('sha256').update(served).digest('hex');
    served = Buffer.from(served);
    served[20] = (served[20] ?? 0) ^ 1;
    const found = createHash('sha256').update(served).digest('hex');
    await expect(get(sha256)).rejects.toThrow(
      `${url} has the SHA-256 ${found}, but ${sha256} is expected. The archive was changed and is not used`,
    );
    expect(await readdir(join(folder, 'cache'))).toEqual([]);
    expect(await isChecked(path)).toBe(false);
  });

  it('refuses an incomplete archive, an HTTP error, and an unreachable server', async () => {
    const whole = served;
    const sha256 = createHash('sha256').update(whole).digest('hex');
    server.removeAllListeners('request');
    server.on('request', (_, response) => {
      response.writeHead(200, { 'content-length': whole.length });
      response.write(whole.subarray(0, 40), () => response.destroy());
    });
    await expect(get(sha256)).rejects.toThrow(url);
    server.removeAllListeners('request');
    server.on('request', (_, response) => response.writeHead(404).end());
    await expect(get(sha256)).rejects.toThrow(`${url}: HTTP 404`);
    await expect(get(sha256, 'http://127.0.0.1:1/archive.tgz')).rejects.toThrow(
      'http://127.0.0.1:1/archive.tgz: ',
    );
    expect(await readdir(join(folder, 'cache'))).toEqual([]);
  });

  it('uses the proxy of the environment', async () => {
    const asked: string[] = [];
    server.on('connect', ({ url: to }, socket) => {
      asked.push(String(to));
      socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n');
    });
    const options = {
      dataDir: folder,
      cacheDir: join(folder, 'cache'),
      log: () => {},
      environment: { HTTPS_PROXY: new URL(url).origin },
    };
    const archive = { url: 'https://engine.example/a.tgz', sha256: '', program: 'a', stripped: 0 };
    await expect(download('Engine', archive, path, options)).rejects.toThrow(archive.url);
    expect(asked).toEqual(['engine.example:443']);
  });

  it('replaces an earlier program together with its record', async () => {
    await get();
    await chmod(path, 0o644);
    await writeFile(path, 'another');
    await get();
    expect(await readFile(path, 'utf8')).toBe(SCRIPT);
    expect(await isChecked(path)).toBe(true);
  });

  it('detects a changed program in the cache, and accepts one with only another time', async () => {
    await get();
    const { mtime } = await stat(path);
    await utimes(path, new Date(0), new Date(0));
    expect(await isChecked(path)).toBe(true);
    // The same size and time as before.
    await writeFile(path, SCRIPT.replace('running', 'RUNNING'));
    await utimes(path, mtime, mtime);
    await expect(isChecked(path)).rejects.toThrow(ChangedFile);
    await expect(isChecked(path)).rejects.toThrow(`${path} was changed after it was checked`);
  });
});

describe('archiveOf', () => {
  const platforms = ['linux-x64', 'linux-arm64', 'darwin-x64', 'darwin-arm64'];
  it.each(platforms)('pins a SHA-256 of both programs for %s', (platform) => {
    for (const program of ['temporal', 'mongod'] as const) {
      const { url, sha256 } = archiveOf(program, platform);
      expect(url).toMatch(/^https:\/\/.*\d+\.\d+\.\d+.*gz$/);
      expect(sha256).toMatch(/^[0-9a-f]{64}$/);
    }
  });

  it('refuses a platform without a SHA-256 and names the remedy', () => {
    expect(() => archiveOf('mongod', 'freebsd-x64')).toThrow(
      'no checksum is known for mongod on freebsd-x64, so it is not downloaded. Install mongod on PATH',
    );
  });

  it('pins the version of Temporal that the Go module builds', async () => {
    const go = await readFile(
      join(__dirname, '../../src/engines/temporal/temporal-cli/go.mod'),
      'utf8',
    );
    expect(/github\.com\/temporalio\/cli v(\S+)/.exec(go)?.[1]).toBe(TEMPORAL_VERSION);
  });
});
