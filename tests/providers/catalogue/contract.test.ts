/** The contract of every provider file, generated from its examples. */
import { findAdapter } from '../../../src/providers/adapters/registry';
import { catalogueIds, readCatalogueFile } from '../../../src/providers/catalogue/read-file';
import { fileContract } from './_file-contract';

describe.each(catalogueIds())('providers/%s.yaml', (id) => {
  const adapter = findAdapter(id);
  if (adapter === undefined) throw new Error(`no adapter ${id}`);
  fileContract(readCatalogueFile(id), adapter);
});
