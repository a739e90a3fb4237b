/** Runs the scripts of docs/migrating.md on its rows, and imports the result with the real CLI. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RunningApi } from '../../src/server/serve';
import { type Harness, startHarness } from '../support/harness';
import { serve, startCli } from './_cli';

const GUIDE = readFileSync(join(__dirname, '..', '..', 'docs', 'migrating.md'), 'utf8');
const folder = mkdtempSync(join(tmpdir(), 'evergrant-migrating-'));

let h: Harness;
let api: RunningApi;
let environment: Record<string, string>;
beforeAll(async () => {
  // Replaces the cipher of an old service.
  writeFileSync(
    join(folder, 'decrypt.mjs'),
    "export const decrypt = (text) => Buffer.from(text.slice('old:'.length), 'base64').toString();",
  );
  h = await startHarness({ worker: false, providers: ['ebay', 'etsy', 'shopify', 'google'] });
  api = await serve(h);
  environment = { EVERGRANT_URL: api.url, EVERGRANT_API_KEY: await h.key() };
});
afterAll(async () => {
  await api?.stop();
  await h?.stop();
});

/** Returns the script of that name from the guide, and the rows below it. */
function fromGuide(name: string): { script: string; rows: string } {
  const block = new RegExp(`\`\`\`js\\n(// ${name}\\n[^]*?)\`\`\`([^]*?)(?=\\n## |$)`).exec(GUIDE);
  if (block === null) throw new Error(`no ${name} in the guide`);
  const rows = /```json\n([^]*?)```/.exec(block[2] ?? '')?.[1] ?? '';
  return { script: block[1] ?? '', rows };
}

function exported(name: string, variables: Record<string, string> = {}) {
  const { script, rows } = fromGuide(name);
  const path = join(folder, name);
  writeFileSync(path, script);
  const { status, stdout, stderr } = spawnSync(process.execPath, [path, 'decrypt.mjs'], {
    cwd: folder,
    input: rows,
    encoding: 'utf8',
    env: { PATH: process.env['PATH'], ...variables },
  });
  expect(status).toBe(0);
  return { lines: stdout, warnings: stderr };
}

async function imported(lines: string): Promise<any[]> {
  const args = ['import', '--quarantine', '--format', 'jsonl', '--json', '-'];
  const ran = await startCli(environment, args, lines).ended;
  const answers = ran.stdout.trimEnd().split('\n');
  expect(answers.map((answer) => JSON.parse(answer))).toEqual([
    { summary: expect.objectContaining({ refused: 0, existed: 0 }) },
  ]);
  expect(ran.code).toBe(0);
  const names = new Set(
    lines
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line).external_id),
  );
  const { items } = (await h.request(environment['EVERGRANT_API_KEY'] ?? '', 'GET', LIST)).body;
  return items.filter(({ external_id }: any) => names.has(external_id));
}
/** Ignores the order, because account ids are random. */
function expectSame(accounts: any[], expected: object[]): void {
  expect(accounts).toHaveLength(expected.length);
  expect(accounts).toEqual(
    expect.arrayContaining(expected.map((members) => expect.objectContaining(members))),
  );
}

const LIST = '/api/admin/accounts?limit=500&quarantine=true';

it('R0 export-ebay.mjs exports accounts with their environment, tokens and scopes', async () => {
  expectSame(await imported(exported('export-ebay.mjs').lines), [
    {
      provider: 'ebay',
      external_id: 'harbour-books',
      label: 'Harbour Books',
      expires_at: '2026-11-22T18:30:00.000Z',
      scopes: ['https://api.ebay.com/oauth/api_scope'],
    },
    { provider: 'ebay', external_id: 'meadow-bikes', label: 'meadow-bikes', scopes: [] },
  ]);
});

it('R1 export-terminal.mjs omits accounts that are still encrypted after decryption, and names them', async () => {
  const { lines, warnings } = exported('export-terminal.mjs');
  expect(warnings).toMatch(/^tidewater-toys: still encrypted/);
  expectSame(await imported(lines), [{ external_id: 'lantern-lane' }]);
});

it('R2 export-shops.mjs names a shop by its number or its host', async () => {
  expectSame(await imported(exported('export-shops.mjs').lines), [
    { provider: 'etsy', external_id: '12345678', label: 'Loom and Thread' },
    { provider: 'shopify', external_id: 'birch-supply.myshopify.com' },
  ]);
});

it('R3 export-own.mjs exports the application’s token with its fallback', async () => {
  const { lines } = exported('export-own.mjs', {
    EBAY_ENVIRONMENT: 'production',
    EBAY_REFRESH_TOKEN: 'v^1.1#own-0123456789',
    EBAY_FALLBACK_TOKEN: 'v^1.1#fallback-0123456789',
  });
  expectSame(await imported(lines), [
    { external_id: 'own', fallback: expect.objectContaining({ expires_at: null }) },
  ]);
});

it('R4 export-mail.mjs exports one account per tenant and mail type', async () => {
  expectSame(await imported(exported('export-mail.mjs').lines), [
    { provider: 'google', external_id: 'tenant-7', kind: 'booking' },
    { provider: 'google', external_id: 'tenant-7', kind: 'stopsale' },
  ]);
});

it('docs/migrating.md has only scripts that are tested here', () => {
  const scripts = [...GUIDE.matchAll(/^\/\/ (export-\S+)$/gm)].map(([, name]) => name);
  expect(scripts).toEqual([
    'export-ebay.mjs',
    'export-terminal.mjs',
    'export-shops.mjs',
    'export-own.mjs',
    'export-mail.mjs',
  ]);
});
