/** The catalogue of providers: which file an id means, and what an entry needs. */
import { parse } from 'yaml';
import { fileAdapter } from '../../../src/providers/catalogue/file-adapter';
import { catalogueIds, readCatalogueFile } from '../../../src/providers/catalogue/read-file';
import { ConfiguredProviders } from '../../../src/providers/config/configured-providers';
import { readProvider } from '../../../src/providers/config/provider-entry';
import {
  catalogueDetails,
  catalogueFiles,
  listedProvider,
  listedProviders,
} from '../../../src/services/catalogue/catalogue';

const CLIENT = { clientId: 'a', clientSecret: 'b' };
const OWN = fileAdapter({ ...readCatalogueFile('xero'), name: 'Our Xero' });

function configured(entries: Record<string, object>, adapter?: typeof OWN): ConfiguredProviders {
  const configs = Object.entries(entries).flatMap(([id, entry]) => {
    const source = adapter === undefined ? {} : { adapter };
    return readProvider(id, { ...CLIENT, ...entry }, null, [], source) ?? [];
  });
  return new ConfiguredProviders(configs);
}

it('lists the files that entries use first, and each file once', async () => {
  const providers = configured({ ebay: {}, zoom: {}, zoom2: { adapter: 'zoom' }, google: {} });
  const listed = await listedProviders(providers);
  expect(listed.slice(0, 3)).toEqual([
    { file: readCatalogueFile('ebay'), configuredAs: ['ebay'] },
    { file: readCatalogueFile('google'), configuredAs: ['google'] },
    { file: readCatalogueFile('zoom'), configuredAs: ['zoom', 'zoom2'] },
  ]);
  expect(listed.map(({ file }) => file.id).toSorted()).toEqual(catalogueIds());
});

it('shows the file of the operator in place of that of the catalogue', async () => {
  const providers = configured({ books: {} }, OWN);
  const listed = await listedProviders(providers);
  expect(listed[0]).toMatchObject({ file: { name: 'Our Xero' }, configuredAs: ['books'] });
  expect(listed).toHaveLength(catalogueIds().length);
  expect(listedProvider(providers, 'xero')?.file.name).toBe('Our Xero');
  expect(listedProvider(configured({}), 'xero')).toMatchObject({
    file: { name: 'Xero' },
    configuredAs: [],
  });
  expect(listedProvider(providers, 'acme')).toBeNull();
});

it.each(catalogueFiles())('the example entry of $id configures it', (file) => {
  const { example } = catalogueDetails(file);
  const filled = example.replaceAll(/\$\{\w+\}/g, 'value');
  const { providers } = parse(filled) as { providers: Record<string, object> };
  const problems: string[] = [];
  const config = readProvider(file.id, providers[file.id], null, problems);
  expect(problems).toEqual([]);
  expect(config?.adapter).toBe(file.id);
});
