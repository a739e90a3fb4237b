/** Import of accounts by the CLI: import, release, and the token that scripts then request. */
import { randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createProgress } from '../../src/cli/progress';
import type { RunningApi } from '../../src/server/serve';
import { type Harness, startHarness } from '../support/harness';
import { type Ran, rows, serve, startCli } from './_cli';

const HOUR = 3600_000;
const folder = mkdtempSync(join(tmpdir(), 'evergrant-import-'));

let h: Harness;
let api: RunningApi;
let organisation: string;
let environment: Record<string, string>;

beforeAll(async () => {
  h = await startHarness({ worker: false, providers: ['ebay', 'etsy'] });
  api = await serve(h);
});
afterAll(async () => {
  await api?.stop();
  await h?.stop();
});
beforeEach(async () => {
  organisation = `org-${randomUUID()}`;
  const key = await h.key({ organisation, scopes: ['admin', 'tokens'] });
  environment = { EVERGRANT_URL: api.url, EVERGRANT_API_KEY: key };
});

const cli = (...args: string[]): Promise<Ran> => startCli(environment, args, '').ended;
const fed = (stdin: string, ...args: string[]): Promise<Ran> =>
  startCli(environment, args, stdin).ended;
const line = (id: string, more: object = {}) =>
  JSON.stringify({
    provider: 'etsy',
    external_id: id,
    refresh_token: `1234567.planted-${id}-0123456789`,
    ...more,
  });
const stored = async () =>
  (await h.store.accounts.list({ organisation, limit: 500 })).map(({ externalId }) => externalId);

let files = 0;
function file(extension: string, text: string): string {
  files += 1;
  const path = join(folder, `${files}.${extension}`);
  writeFileSync(path, text);
  return path;
}

describe('accounts import', () => {
  it('imports JSON Lines with progress on stderr and a summary, and a second run changes nothing', async () => {
    const path = file('jsonl', `${line('a')}\n${line('b')}\n`);
    const first = await cli('accounts', 'import', path);
    expect(first).toMatchObject({
      code: 0,
      stderr: expect.stringMatching(/^2 lines, 2 ok, 0 refused, [\d,]+\/s\n$/),
    });
    expect(first.stdout).toMatch(/^created +2$/m);
    expect((await stored()).toSorted()).toEqual(['a', 'b']);
    const again = await cli('import', path);
    expect(again.code).toBe(0);
    expect(again.stdout).toMatch(/^existed +2$/m);
    expect(await stored()).toHaveLength(2);
  });

  it('reports each refused line with its number and reason and exits with 1', async () => {
    const path = file('jsonl', [line('a'), 'no json', line('b', { provider: 'x' })].join('\n'));
    const ran = await cli('import', path);
    expect(ran.code).toBe(1);
    expect(rows(ran.stdout)).toEqual([
      { line: '2', reason: 'not a JSON object' },
      {
        line: '3',
        reason: expect.stringContaining('"x" is not configured; configured providers: ebay'),
      },
    ]);
    expect(ran.stdout).not.toContain('planted');
    const json = await cli('import', '--json', path);
    expect(
      json.stdout
        .trimEnd()
        .split('\n')
        .map((text) => JSON.parse(text)),
    ).toMatchObject([
      { line: 2, result: 'refused', message: 'not a JSON object' },
      { line: 3, result: 'refused' },
      { summary: { lines: 3, existed: 1, refused: 2 } },
    ]);
  });

  it('--quarantine stores accounts in quarantine, and --dry-run stores none', async () => {
    const path = file('jsonl', line('a'));
    const dry = await cli('import', '--quarantine', '--dry-run', path);
    expect(dry).toMatchObject({ code: 0, stdout: expect.stringMatching(/^valid +1$/m) });
    expect(await stored()).toEqual([]);
    await cli('import', '--quarantine', path);
    expect(rows((await cli('accounts', 'list', '--quarantine')).stdout)).toMatchObject([
      { label: 'a', quarantine: 'yes' },
    ]);
    expect(rows((await cli('status')).stdout)).toMatchObject([{ quarantine: '1' }]);
  });

  it('reads standard input if --format is given', async () => {
    expect(await fed(line('a'), 'import', '-')).toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringMatching(/--format is required/),
    });
    const csv = 'provider,external_id,refresh_token\netsy,a,1234567.planted-a-0123456789\n';
    expect((await fed(csv, 'import', '--format', 'csv', '-')).code).toBe(0);
    expect(await stored()).toEqual(['a']);
  });

  it('--refused writes the refused lines unchanged to a file that only the owner can read', async () => {
    const bad = line('b', { provider: 'x' });
    const path = file('jsonl', [line('a'), '', bad, line('c'), 'no json'].join('\n'));
    const refused = join(folder, `refused-${randomUUID()}.jsonl`);
    const ran = await cli('import', '--refused', refused, path);
    expect(ran).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(
        /The refused lines are in .*\. The file contains tokens: delete it/,
      ),
    });
    expect(readFileSync(refused, 'utf8')).toBe(`${bad}\nno json\n`);
    expect(statSync(refused).mode & 0o777).toBe(0o600);
    expect(await cli('import', '--refused', refused, path)).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/already exists\. Choose another file/),
    });
  });

  it('--refused writes the header line of a CSV and whole records that span lines', async () => {
    const header = 'provider,external_id,label,refresh_token';
    const record = 'nobody,b,"Books,\nold",1234567.planted-b-0123456789';
    const csv = [
      header,
      'etsy,a,"A\nshop",1234567.planted-a-0123456789',
      record,
      'etsy,c,C,1234567.planted-c-0123456789',
    ].join('\n');
    const refused = join(folder, `refused-${randomUUID()}.csv`);
    await cli('import', '--refused', refused, file('csv', csv));
    expect(readFileSync(refused, 'utf8')).toBe(`${header}\n${record}\n`);
    expect((await stored()).toSorted()).toEqual(['a', 'c']);
  });

  it('refuses lines that are not UTF-8, keeps their bytes, and exits with 1', async () => {
    const path = file('csv', '');
    const header = 'provider,external_id,label,refresh_token\n';
    const bad = Buffer.from('etsy,m,Müller & Söhne,1234567.planted-m-0123456789\n', 'latin1');
    const good = 'etsy,g,Göde,1234567.planted-g-0123456789\n';
    writeFileSync(path, Buffer.concat([Buffer.from(header + good), bad]));
    const refused = join(folder, `refused-${randomUUID()}.csv`);
    for (const more of [[], ['--refused', refused]]) {
      const ran = await cli('import', ...more, path);
      expect(ran.code).toBe(1);
      expect(rows(ran.stdout)).toEqual([
        { line: '3', reason: 'not UTF-8: save the file as CSV UTF-8' },
      ]);
    }
    expect(readFileSync(refused)).toEqual(Buffer.concat([Buffer.from(header), bad]));
    expect(await stored()).toEqual(['g']);
  });

  it('refuses UTF-16 by name and exits with 1', async () => {
    const path = file('csv', '');
    const text =
      '\uFEFFprovider,external_id,refresh_token\r\netsy,a,1234567.planted-a-0123456789\r\n';
    writeFileSync(path, Buffer.from(text, 'utf16le'));
    const ran = await cli('import', path);
    expect(ran.code).toBe(1);
    expect(rows(ran.stdout)).toEqual([
      { line: '1', reason: 'UTF-16, not UTF-8: save the file as CSV UTF-8' },
    ]);
    expect(await stored()).toEqual([]);
  });

  it('refuses a second token of an account and a second account of a token, and shows warnings', async () => {
    const same = { refresh_token: '1234567.planted-same-0123456789' };
    const path = file(
      'jsonl',
      [
        line('1.23457E+18', same),
        line('1.23457E+18'),
        line('b', same),
        line('c', { refresh_token: 'gAAAAABplanted0123456789' }),
      ].join('\n'),
    );
    const ran = await cli('import', path);
    expect(ran.code).toBe(1);
    const [refused = '', warned = '', summary] = ran.stdout.split('\n\n');
    expect(rows(refused)).toEqual([
      { line: '2', reason: 'line 1 has the same account with another token' },
      {
        line: '3',
        reason: expect.stringMatching(/^refresh_token: line 1 has the same token for another/),
      },
    ]);
    expect(rows(warned)).toEqual([
      { line: '1', warning: expect.stringMatching(/^external_id: .*spreadsheet/) },
      { line: '2', warning: expect.stringMatching(/^external_id: .*spreadsheet/) },
      { line: '4', warning: expect.stringMatching(/^refresh_token: looks like Fernet/) },
      { line: '4', warning: expect.stringMatching(/^refresh_token: an Etsy refresh token starts/) },
    ]);
    expect(summary).toMatch(/^created +2\nrefused +2\nwarned +3$/m);
    expect(ran.stdout).not.toContain('planted');
    const json = await cli('import', '--json', path);
    expect(
      json.stdout
        .trimEnd()
        .split('\n')
        .map((text) => JSON.parse(text)),
    ).toMatchObject([
      { line: 1, result: 'exists', warnings: [expect.any(String)] },
      { line: 2, result: 'refused' },
      { line: 3, result: 'refused' },
      { line: 4, result: 'exists', warnings: [expect.any(String), expect.any(String)] },
      { summary: { existed: 2, refused: 2, warned: 3 } },
    ]);
  });

  it('streams 5,000 lines while their results arrive', async () => {
    const lines = Array.from({ length: 5_000 }, (_, at) => line(`many-${at}`, { provider: 'x' }));
    const ran = await cli('import', '--json', file('jsonl', lines.join('\n')));
    expect(JSON.parse(ran.stdout.trimEnd().split('\n').at(-1) ?? '')).toMatchObject({
      summary: { lines: 5_000, refused: 5_000 },
    });
  });

  it('reports a missing file, an unknown format, a missing scope, and an unreachable API', async () => {
    expect(await cli('import', join(folder, 'none.jsonl'))).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/none\.jsonl cannot be read \(ENOENT\)/),
    });
    const path = file('jsonl', line('a'));
    expect(await cli('import', '--format', 'xml', path)).toMatchObject({ code: 2, stdout: '' });
    const reader = await h.key({ organisation, scopes: ['read'] });
    expect(
      await startCli({ ...environment, EVERGRANT_API_KEY: reader }, ['import', path], '').ended,
    ).toMatchObject({ code: 1, stderr: expect.stringMatching(/lacks the scope "admin"/) });
    expect(
      await startCli({ ...environment, EVERGRANT_URL: 'http://127.0.0.1:9' }, ['import', path], '')
        .ended,
    ).toMatchObject({ code: 1, stderr: expect.stringMatching(/unreachable.*ECONNREFUSED/) });
  });
});

describe('accounts add', () => {
  const add = ['accounts', 'add', '--provider', 'ebay', '--external-id', 'own'];
  const TOKEN = 'v^1.1#planted-0123456789';

  it.each([
    [
      'UTF-16 with a byte order mark',
      Buffer.from(`\uFEFF${TOKEN}`, 'utf16le'),
      /UTF-16, not UTF-8/,
    ],
    ['UTF-16 without one', Buffer.from(TOKEN, 'utf16le'), /UTF-16, not UTF-8/],
    [
      'Latin 1',
      Buffer.from(`{"refresh_token":"${TOKEN}","label":"Müller"}`, 'latin1'),
      /not UTF-8/,
    ],
  ])('refuses %s from a file by name', async (_encoding, bytes, message) => {
    const path = join(folder, `token-${randomUUID()}.txt`);
    writeFileSync(path, bytes);
    const ran = await cli(...add, '--token-file', path);
    expect(ran).toMatchObject({ code: 1, stdout: '', stderr: expect.stringMatching(message) });
    expect(ran.stderr).toContain('save the file as UTF-8');
    expect(await stored()).toEqual([]);
  });

  it('refuses UTF-16 from standard input', async () => {
    const running = startCli(environment, add, Buffer.from(`\uFEFF${TOKEN}`, 'utf16le'));
    expect(await running.ended).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^evergrant: Standard input is UTF-16, not UTF-8/),
    });
  });

  it('accepts UTF-8 with a byte order mark and warns about an unusual token on stderr', async () => {
    const ran = await fed(`\uFEFFAgAAAA**${TOKEN.slice(6)}\n`, ...add);
    expect(ran).toMatchObject({
      code: 0,
      stderr: 'Warning: refresh_token: an eBay refresh token starts with "v^"; this one does not\n',
    });
    expect(await stored()).toEqual(['own']);
  });

  it('names the member that is not a token and exits with 2', async () => {
    expect(await fed('v^1.1', ...add)).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^evergrant: refresh_token: is cut off at "#"/),
    });
  });
});

describe('accounts release', () => {
  const held = async (...ids: string[]) => {
    await cli('import', '--quarantine', file('jsonl', ids.map((id) => line(id)).join('\n')));
    const accounts = await h.store.accounts.list({ organisation, limit: 500, quarantine: true });
    return new Map(accounts.map(({ externalId, id }) => [externalId, id]));
  };
  const stillHeld = async () =>
    (await h.store.accounts.list({ organisation, limit: 500, quarantine: true })).map(
      ({ externalId }) => externalId,
    );

  it('releases the named accounts', async () => {
    const ids = await held('a', 'b', 'c');
    const ran = await cli('accounts', 'release', ids.get('a') ?? '', ids.get('c') ?? '');
    expect(ran).toMatchObject({ code: 0, stdout: 'Released: 2\n' });
    expect(await stillHeld()).toEqual(['b']);
  });

  it('releases all accounts of a provider, and requires --yes without a terminal', async () => {
    await held('a', 'b');
    expect(await cli('accounts', 'release', '--provider', 'etsy', '--all')).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/standard input is not a terminal\. Use --yes/),
    });
    expect((await stillHeld()).toSorted()).toEqual(['a', 'b']);
    const ran = await cli('accounts', 'release', '--provider', 'etsy', '--all', '--yes', '--json');
    expect(ran.json()).toEqual({ released: 2 });
    expect(await stillHeld()).toEqual([]);
  });

  it.each([
    ['no arguments', []],
    ['a provider without --all', ['--provider', 'etsy']],
    ['--all without a provider', ['--all']],
    ['ids and --all', ['acc_1', '--provider', 'etsy', '--all']],
  ])('refuses %s as wrong usage', async (_problem, args) => {
    expect(await cli('accounts', 'release', ...args)).toMatchObject({ code: 2, stdout: '' });
  });
});

describe('token', () => {
  it('R3.1 prints the access token and nothing else', async () => {
    const { id, plain } = await h.addAccount({ organisation, expiresInMs: HOUR });
    expect(await cli('token', id)).toEqual(
      expect.objectContaining({ code: 0, stdout: `${plain.accessToken}\n`, stderr: '' }),
    );
    expect((await cli('token', id, '--json')).json()).toMatchObject({
      active: true,
      access_token: plain.accessToken,
      fallback: false,
    });
  });

  it('exits with 1 and prints the reason to stderr without a valid token', async () => {
    const { id } = await h.addAccount({ organisation, expiresInMs: HOUR });
    const disabled = { state: 'disabled', stateReason: 'Disabled by an admin.' } as const;
    await h.store.accounts.patch(organisation, id, disabled, new Date());
    expect(await cli('token', id)).toMatchObject({
      code: 1,
      stdout: '',
      stderr: 'evergrant: Disabled by an admin. (disabled)\n',
    });
    const json = await cli('token', id, '--json');
    expect(json).toMatchObject({ code: 1 });
    expect(json.json()).toMatchObject({ active: false, reason: 'disabled' });
  });

  it('--min-valid requests a remaining lifetime, and a shorter one is reported on stderr', async () => {
    const { id, plain } = await h.addAccount({ organisation, expiresInMs: HOUR });
    await h.store.accounts.patch(organisation, id, { quarantine: true }, new Date());
    const ran = await cli('token', id, '--min-valid', '2h');
    expect(ran).toMatchObject({ code: 0, stdout: `${plain.accessToken}\n` });
    expect(ran.stderr).toMatch(/^evergrant: The account is in quarantine/);
    expect((await cli('token', id, '--min-valid', '5m')).stderr).toBe('');
    expect(await cli('token', id, '--min-valid', 'long')).toMatchObject({ code: 2, stdout: '' });
  });
});

describe('progress', () => {
  function shown(isTTY: boolean): string {
    let at = 0;
    let text = '';
    const stderr = { isTTY, write: (more: string) => (text += more) !== '' };
    const progress = createProgress(stderr, () => at);
    for (; at <= 10_000; at += 100) progress.show(() => `${at}`);
    progress.end('end');
    return text;
  }

  it('updates one line on a terminal a few times per second', () => {
    const lines = shown(true).split('\r\u001b[K');
    expect(lines.slice(0, 4)).toEqual(['', '200', '400', '600']);
    expect(lines.at(-1)).toBe('end\n');
  });

  it('prints a line every few seconds elsewhere', () => {
    expect(shown(false)).toBe('5000\n10000\nend\n');
  });
});
