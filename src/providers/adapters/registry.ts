/** The list of adapters: one per file of `providers/`, and those that are code. */
import { fileAdapter } from '../catalogue/file-adapter';
import { catalogueIds, readCatalogueFile } from '../catalogue/read-file';
import type { ProviderAdapter } from '../provider';
import { ebay } from './ebay';
import { oauth2 } from './oauth2';
import { shopify } from './shopify';

const ADAPTERS: readonly ProviderAdapter[] = [ebay, shopify, oauth2];

/** Adapters of files that were used. Reading all files would delay each start. */
const built = new Map<string, ProviderAdapter>();

export function findAdapter(id: string): ProviderAdapter | undefined {
  const known = ADAPTERS.find((one) => one.id === id) ?? built.get(id);
  if (known !== undefined || !catalogueIds().includes(id)) return known;
  const adapter = fileAdapter(readCatalogueFile(id));
  built.set(id, adapter);
  return adapter;
}

export function adapterIds(): string[] {
  return [...ADAPTERS.map((adapter) => adapter.id), ...catalogueIds()];
}
