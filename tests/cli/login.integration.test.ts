/** `login`, `logout` and `whoami`: the stored address and key, and where settings come from. */
import { randomUUID } from 'node:crypto';
import { chmodSync, existsSync, mkdtempSync, readFileSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RunningApi } from '../../src/server/serve';
import { type Harness, startHarness } from '../support/harness';
import { type Ran, serve, startCli } from './_cli';

const organisation = `org-${randomUUID()}`;

let h: Harness;
let api: RunningApi;
let key: string;
let home: string;

beforeAll(async () => {
  h = await startHarness();
  api = await serve(h);
  key = await h.key({ organisation, scopes: ['read'] });
});
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'evergrant-login-'));
});
afterAll(async () => {
  await api?.stop();
  await h?.stop();
});

const file = () => join(home, 'evergrant', 'credentials.json');
const mode = (path: string) => (statSync(path).mode & 0o777).toString(8);
const cli = (args: string[], stdin = '', more: Record<string, string> = {}): Promise<Ran> =>
  startCli({ XDG_CONFIG_HOME: home, ...more }, args, stdin).ended;
const login = (stdin = `${key}\n`) => cli(['login', '--url', api.url, '--key-stdin'], stdin);

it('login stores the key for this user only, and later commands use it', async () => {
  const ran = await login();
  expect(ran).toMatchObject({ code: 0, stderr: '' });
  expect(ran.stdout).not.toContain(key);
  expect([mode(file()), mode(join(home, 'evergrant'))]).toEqual(['600', '700']);
  expect(JSON.parse(readFileSync(file(), 'utf8'))).toEqual({ url: `${api.url}/`, api_key: key });
  expect(await cli(['status'])).toMatchObject({ code: 0, stderr: '' });
});

it('whoami shows the sources and the id of the key, never the key', async () => {
  await login();
  const stored = (await cli(['whoami', '--json'])).json();
  const id = key.split('_')[1];
  expect(stored).toMatchObject({ key: id, key_from: file(), url_from: file(), accepted: true });
  const set = await cli(['whoami', '--json'], '', {
    EVERGRANT_URL: api.url,
    EVERGRANT_API_KEY: 'another-key',
  });
  expect(set.code).toBe(1);
  expect(set.json()).toMatchObject({
    key: expect.stringMatching(/^sha256:[0-9a-f]{12}$/),
    key_from: 'EVERGRANT_API_KEY',
    url_from: 'EVERGRANT_URL',
    accepted: false,
  });
  expect(set.stdout + set.stderr).not.toContain('another-key');
});

it('a key without the scope read can log in', async () => {
  const tokens = await h.key({ organisation, scopes: ['tokens'] });
  expect(await login(tokens)).toMatchObject({ code: 0 });
  expect((await cli(['whoami', '--json'])).json()).toMatchObject({ accepted: true });
});

it('login stores nothing if the server refuses the key or is unreachable, and prints no key', async () => {
  const refused = await login(`evg_0123456789abcdef_${'x'.repeat(43)}`);
  expect(refused).toMatchObject({ code: 1, stdout: '' });
  expect(refused.stderr).toMatch(/does not accept the key\. Nothing was stored\./);
  const nowhere = await cli(['login', '--url', 'http://127.0.0.1:9', '--key-stdin'], key);
  expect(nowhere).toMatchObject({ code: 1, stdout: '' });
  const twoWords = await login('two words');
  expect(twoWords).toMatchObject({ code: 2, stdout: '' });
  const empty = await login('');
  expect(empty).toMatchObject({ code: 2, stdout: '' });
  const asking = await cli(['login']);
  expect(asking).toMatchObject({ code: 2, stderr: expect.stringMatching(/--key-stdin/) });
  expect(existsSync(file())).toBe(false);
  for (const { stderr } of [refused, nowhere]) expect(stderr).not.toMatch(/x{43}|evg_/);
});

it('a file that other users can read is refused without showing the key', async () => {
  await login();
  chmodSync(file(), 0o640);
  const ran = await cli(['status']);
  expect(ran).toMatchObject({ code: 2, stdout: '', stderr: expect.stringMatching(/chmod 600/) });
  expect(ran.stderr).not.toContain(key);
  // Another login replaces the file.
  expect(await login()).toMatchObject({ code: 0 });
  expect(mode(file())).toBe('600');
});

it('a stored key is not sent to another address', async () => {
  await login();
  const ran = await cli(['status'], '', { EVERGRANT_URL: 'http://127.0.0.1:9' });
  expect(ran).toMatchObject({ code: 2, stdout: '' });
  expect(ran.stderr).toMatch(/the stored key belongs to/);
});

it('logout deletes the file, and a second logout finds none', async () => {
  await login();
  expect((await cli(['logout'])).stdout).toBe(`Deleted: ${file()}\n`);
  expect(existsSync(file())).toBe(false);
  expect((await cli(['logout'])).stdout).toBe('No key is stored.\n');
  expect(await cli(['status'])).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/EVERGRANT_API_KEY is not set.*evergrant login/),
  });
});
