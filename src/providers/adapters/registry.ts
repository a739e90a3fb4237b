/** The list of adapters. To add a provider, add a file to this folder and an entry here. */
import type { ProviderAdapter } from '../provider';
import { ebay } from './ebay';
import { etsy } from './etsy';
import { google } from './google';
import { microsoft } from './microsoft';
import { oauth2 } from './oauth2';
import { shopify } from './shopify';

const ADAPTERS: readonly ProviderAdapter[] = [ebay, etsy, shopify, google, microsoft, oauth2];

export function findAdapter(id: string): ProviderAdapter | undefined {
  return ADAPTERS.find((adapter) => adapter.id === id);
}

export function adapterIds(): string[] {
  return ADAPTERS.map((adapter) => adapter.id);
}
