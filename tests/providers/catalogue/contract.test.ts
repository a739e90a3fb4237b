/** The contract of every provider file, which its examples state. */
import { findAdapter } from '../../../src/providers/adapters/registry';
import { contractOf } from '../../../src/providers/catalogue/contract';
import { catalogueIds, readCatalogueFile } from '../../../src/providers/catalogue/read-file';

describe.each(catalogueIds())('providers/%s.yaml', (id) => {
  const adapter = findAdapter(id);
  if (adapter === undefined) throw new Error(`no adapter ${id}`);
  it.each(contractOf(readCatalogueFile(id), adapter))('$title', async ({ run }) => {
    expect(await run()).toEqual([]);
  });
});
