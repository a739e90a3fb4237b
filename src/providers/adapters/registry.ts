/** The adapters there are. A new provider is a file beside this one and a line here. */
import { ebay } from './ebay';
import { etsy } from './etsy';
import { google } from './google';
import { microsoft } from './microsoft';
import { oauth2 } from './oauth2';
import type { ProviderAdapter } from './provider';
import { shopify } from './shopify';

const ADAPTERS: readonly ProviderAdapter[] = [ebay, etsy, shopify, google, microsoft, oauth2];

/** The adapter of that name, or `undefined`. */
export function findAdapter(id: string): ProviderAdapter | undefined {
  return ADAPTERS.find((adapter) => adapter.id === id);
}

export function adapterIds(): string[] {
  return ADAPTERS.map((adapter) => adapter.id);
}
