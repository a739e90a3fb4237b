/** `evergrant providers`: the commands that read provider files and need no server. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { type Command, Options } from '../../src/cli/command';
import { providersCheck } from '../../src/cli/commands/providers-check';
import { providersList } from '../../src/cli/commands/providers-list';
import { providersShow } from '../../src/cli/commands/providers-show';
import { createOutput, type Format } from '../../src/cli/output';
import { catalogueIds } from '../../src/providers/catalogue/read-file';

const XERO = readFileSync(join(__dirname, '../../providers/xero.yaml'), 'utf8');
let folder: string;

beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'evergrant-providers-'))));
afterEach(() => rmSync(folder, { recursive: true }));

async function ran(command: Command, positionals: string[] = [], format: Format = 'table') {
  if (!('runLocally' in command)) throw new Error('the command needs a server');
  const stdout = new PassThrough({ encoding: 'utf8' }) as unknown as NodeJS.WriteStream;
  const out = createOutput(stdout, stdout, format);
  const code = await command.runLocally({
    out,
    options: new Options({}),
    positionals,
    commands: [],
  });
  return { code, text: String(stdout.read() ?? '') };
}

/** Writes a file outside the repository. */
function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

it('providers list prints each file of the catalogue', async () => {
  const { code, text } = await ran(providersList);
  expect(code).toBe(0);
  const rows = text.trimEnd().split('\n').slice(1);
  expect(rows.map((row) => row.split(' ')[0])).toEqual(catalogueIds());
  expect(rows.find((row) => row.startsWith('xero'))).toMatch(
    /^xero +Xero +[\d-]+ +\d+ +30m +always +S256 \? +60d from the last use +same answer for 30m$/,
  );
});

it('providers list prints the same items as JSON', async () => {
  const { text } = await ran(providersList, [], 'json');
  const { items } = JSON.parse(text) as { items: { id: string }[] };
  expect(items.map(({ id }) => id)).toEqual(catalogueIds());
  expect(items.find(({ id }) => id === 'mailchimp')).toMatchObject({
    access_life: 'endless',
    rotation: '–',
  });
});

it('providers show prints facts, sources, unknown fields and an entry', async () => {
  const { code, text } = await ran(providersShow, ['xero']);
  expect(code).toBe(0);
  expect(text).toMatch(/^Xero \(xero\)\nChecked on [\d-]+\./);
  const [, number = ''] = / +Access token lives +30m {2}\[(\d+)\]/.exec(text) ?? [];
  expect(text).toContain(`\n[${number}] https://developer.xero.com/faq/oauth2\n`);
  expect(text).toMatch(/PKCE +S256 {2}an assumption/);
  expect(text).toMatch(/Limit of the token endpoint +unknown\n/);
  expect(text).toMatch(/\nWithout a source: authorization\.pkce, /);
  expect(text).toContain('    clientSecret: ${XERO_CLIENT_SECRET}\n');
});

it.each(catalogueIds())('providers show prints %s in every format', async (id) => {
  for (const format of ['table', 'json', 'csv', 'jsonl'] as const) {
    const { code, text } = await ran(providersShow, [id], format);
    expect(code).toBe(0);
    expect(text).toContain(id);
    expect(text).not.toMatch(/undefined|\[object/);
  }
});

it('providers show refuses an id without a file', async () => {
  await expect(ran(providersShow, ['acme'])).rejects.toThrow(
    /no file of the provider "acme" exists; "evergrant providers list" names all ids/,
  );
});

it('providers show prints a file outside the repository, with an entry that names it', async () => {
  const path = file(
    'acme.yaml',
    XERO.replace('id: xero', 'id: acme').replace('name: Xero', 'name: Acme'),
  );
  const { code, text } = await ran(providersShow, [path]);
  expect(code).toBe(0);
  expect(text).toMatch(/^Acme \(acme\)\nChecked on /);
  expect(text).toContain(`  acme:\n    file: ${path}\n    clientId: \${ACME_CLIENT_ID}\n`);
});

it.each([
  [
    'that is not valid',
    'acme.yaml',
    /acme\.yaml is not a valid provider file; "evergrant providers check .*acme\.yaml" explains: id: must be acme/,
  ],
  ['that does not exist', 'none.yaml', /explains: the file: cannot be read: it does not exist/],
])('providers show refuses a file %s, and names the problem', async (_title, name, problem) => {
  file('acme.yaml', XERO);
  await expect(ran(providersShow, [join(folder, name)])).rejects.toThrow(problem);
});

it('providers check accepts a file outside the repository', async () => {
  const path = file('acme.yaml', XERO.replace('id: xero', 'id: acme'));
  const { code, text } = await ran(providersCheck, [path]);
  expect(text).toMatch(/^valid {2}.*acme\.yaml: \d+ checks passed\n$/);
  expect(code).toBe(0);
});

it('providers check names field, problem and remedy, and exits with 1', async () => {
  const wrong = file('xero.yaml', XERO.replace('access: 30m', 'access: 30'));
  const untrue = file(
    'acme.yaml',
    XERO.replace('id: xero', 'id: acme').replace('means: invalid_client', 'means: rate_limited'),
  );
  const { code, text } = await ran(providersCheck, [wrong, untrue, join(folder, 'none.yaml')]);
  expect(code).toBe(1);
  expect(text).toMatch(/^not valid {2}.*xero\.yaml: 1 problem\n {2}lives\.access: must be endless/);
  expect(text).toMatch(
    /acme\.yaml: 1 problem\n {2}examples\.refusals\.1\.means: is "rate_limited", but Evergrant has "invalid_client"; correct the example, or errors\.path/,
  );
  expect(text).toMatch(/ {2}the file: cannot be read: it does not exist; correct the path\n$/);
});

it('providers check prints problems for programs', async () => {
  const path = file('xero.yaml', XERO.replace('access: 30m', 'access: 30'));
  const problem = { field: 'lives.access', problem: expect.stringMatching(/^must be endless/) };
  const json = await ran(providersCheck, [path], 'json');
  const item = { file: path, valid: false, checks: 0, problems: [problem] };
  expect(JSON.parse(json.text)).toEqual({ items: [item], next_cursor: null });
  expect(JSON.parse((await ran(providersCheck, [path], 'jsonl')).text)).toEqual(item);
  const csv = await ran(providersCheck, [path], 'csv');
  expect(csv.text).toMatch(/^file,field,problem\n.*xero\.yaml,lives\.access,"must be endless/);
});
