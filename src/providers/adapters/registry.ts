/** The list of adapters: one per file of `providers/`, and the one for any RFC 6749 server. */
import { fileAdapter } from '../catalogue/file-adapter';
import { catalogueIds, readCatalogueFile } from '../catalogue/read-file';
import type { ProviderAdapter } from '../provider';
import { oauth2 } from './oauth2';

/** Adapters of files that were used. Reading all files would delay each start. */
const built = new Map<string, ProviderAdapter>();

export function findAdapter(id: string): ProviderAdapter | undefined {
  const known = id === oauth2.id ? oauth2 : built.get(id);
  if (known !== undefined || !catalogueIds().includes(id)) return known;
  const adapter = fileAdapter(readCatalogueFile(id));
  built.set(id, adapter);
  return adapter;
}

export function adapterIds(): string[] {
  return [oauth2.id, ...catalogueIds()];
}
