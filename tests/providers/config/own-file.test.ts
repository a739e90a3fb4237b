/** A provider of an operator's own file, which an entry of `providers.yaml` names. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConfiguredProviders } from '../../../src/providers/config/configured-providers';
import { readProviders } from '../../../src/providers/config/providers-file';

const TEMPLATE = readFileSync(join(__dirname, '../../../providers/xero.yaml'), 'utf8');
/** A provider that the catalogue does not have. */
const ACME = TEMPLATE.replace('id: xero', 'id: acme')
  .replaceAll('name: Xero', 'name: Acme')
  .replaceAll('identity.xero.com', 'login.acme.example');

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'evergrant-own-file-'));
  mkdirSync(join(folder, 'own'));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Reads `providers.yaml` with one entry. */
function read(entry: readonly string[]) {
  const file = join(folder, 'providers.yaml');
  const lines = ['clientId: app-1', 'clientSecret: secret-1', ...entry];
  writeFileSync(file, ['providers:', '  crm:', ...lines.map((line) => `    ${line}`)].join('\n'));
  const problems: string[] = [];
  const { providers } = readProviders({ PROVIDERS_FILE: file }, null, problems);
  return { provider: new ConfiguredProviders(providers).find('crm'), problems };
}

it('configures a provider, and counts the path from the folder of providers.yaml', () => {
  writeFileSync(join(folder, 'own/acme.yaml'), ACME);
  const { provider, problems } = read(['file: own/acme.yaml', 'refreshBefore: 9m']);
  expect(problems).toEqual([]);
  expect(provider?.adapter).toMatchObject({ id: 'acme', displayName: 'Acme' });
  expect(provider?.policy.refreshBeforeMs).toBe(9 * 60_000);
  expect(provider?.environments.get('production')?.tokenEndpoint.shown({ externalId: 'a' })).toBe(
    'https://login.acme.example/connect/token',
  );
});

it('takes precedence over a file of the catalogue with the same id', () => {
  writeFileSync(join(folder, 'xero.yaml'), TEMPLATE.replace('name: Xero', 'name: Our Xero'));
  const { provider, problems } = read(['file: xero.yaml']);
  expect(problems).toEqual([]);
  expect(provider?.adapter.displayName).toBe('Our Xero');
});

it.each([
  ['that does not exist', null, 'file: own/acme.yaml', /the file: cannot be read: it does not/],
  [
    'that is not valid',
    ACME.replace('access: 30m', 'access: 30'),
    'file: own/acme.yaml',
    /^providers\.crm\.file: own\/acme\.yaml is not a valid provider file; "evergrant providers check own\/acme\.yaml" explains: lives\.access: must be/,
  ],
  ['with another name', ACME, 'file: own/other.yaml', /id: must be other, the name of the file/],
  ['beside an adapter', ACME, 'file: own/acme.yaml\n    adapter: xero', /\.file: remove adapter/],
])('refuses a file %s', (_name, text, entry, problem) => {
  const [, name = ''] = /file: (\S+)/.exec(entry) ?? [];
  if (text !== null) writeFileSync(join(folder, name), text);
  const { provider, problems } = read([entry]);
  expect(provider).toBeUndefined();
  expect(problems).toEqual([expect.stringMatching(problem)]);
});
