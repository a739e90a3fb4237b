/** The catalogue of providers as the API, the command line and the pages show it: one entry per file, with its facts. */
import { setImmediate } from 'node:timers/promises';
import { stringify } from 'yaml';
import { type FactGroup, factGroups, summaryOf } from '../../providers/catalogue/facts';
import type { ProviderFile } from '../../providers/catalogue/provider-file';
import { catalogueIds, readCatalogueFile } from '../../providers/catalogue/read-file';
import type { ConfiguredProviders } from '../../providers/config/configured-providers';

/** Files are read and checked once, because each takes some 20 ms. */
const files = new Map<string, ProviderFile>();

/** Returns every file of the catalogue, by id. */
export function catalogueFiles(): ProviderFile[] {
  return catalogueIds().map(cachedFile);
}

/** Returns a file of the catalogue, or `null`. */
export function catalogueFile(id: string): ProviderFile | null {
  return catalogueIds().includes(id) ? cachedFile(id) : null;
}

function cachedFile(id: string): ProviderFile {
  const file = files.get(id) ?? readCatalogueFile(id);
  files.set(id, file);
  return file;
}

/** A file and the entries of `providers.yaml` that use it. */
export interface ListedProvider {
  file: ProviderFile;
  configuredAs: string[];
}

/** Returns the files that entries use, then the others. A file of the operator takes precedence over one of the catalogue. */
export async function listedProviders(providers: ConfiguredProviders): Promise<ListedProvider[]> {
  const used = new Map<string, ListedProvider>();
  for (const { id, adapter } of providers.all) {
    if (adapter.file === undefined) continue;
    const known = used.get(adapter.id)?.configuredAs ?? [];
    used.set(adapter.id, { file: adapter.file, configuredAs: [...known, id] });
  }
  const others: ListedProvider[] = [];
  for (const id of catalogueIds().filter((one) => !used.has(one))) {
    // Requests for tokens do not wait for all files.
    // oxlint-disable-next-line no-await-in-loop
    if (!files.has(id)) await setImmediate();
    others.push({ file: cachedFile(id), configuredAs: [] });
  }
  return [...[...used.values()].toSorted((a, b) => a.file.id.localeCompare(b.file.id)), ...others];
}

/** Returns the file that entries with this id use, or that of the catalogue, or `null`. */
export function listedProvider(providers: ConfiguredProviders, id: string): ListedProvider | null {
  const using = providers.all.filter(
    ({ adapter }) => adapter.id === id && adapter.file !== undefined,
  );
  const file = using[0]?.adapter.file ?? catalogueFile(id);
  return file === null ? null : { file, configuredAs: using.map((one) => one.id) };
}

/** One provider in a list. A text `unknown` stands for a fact without a source, and `?` marks an assumption. */
export interface CatalogueEntry {
  id: string;
  name: string;
  docs: string;
  checked: string;
  unknown: string[];
  grants: string;
  pkce: string;
  rotation: string;
  access_life: string;
  refresh_life: string;
  replay: string;
  revocation: string;
  validation: string;
}

export function catalogueEntry(file: ProviderFile): CatalogueEntry {
  const { id, name, docs, checked, unknown } = file;
  const { accessTokenLife, refreshTokenLife, ...summary } = summaryOf(file);
  return {
    id,
    name,
    docs,
    checked,
    unknown,
    ...summary,
    access_life: accessTokenLife,
    refresh_life: refreshTokenLife,
  };
}

/** One provider with all its facts. */
export interface CatalogueDetails extends CatalogueEntry {
  notes: string | null;
  groups: {
    title: string;
    facts: (Pick<FactGroup['facts'][number], 'field' | 'title' | 'value' | 'sources'> & {
      is_unknown: boolean;
    })[];
  }[];
  /** An entry of `providers.yaml` that uses the file. */
  example: string;
}

/** @param path the path of an operator's file, which the example names. Absent: the file is one of the catalogue. */
export function catalogueDetails(file: ProviderFile, path?: string): CatalogueDetails {
  return {
    ...catalogueEntry(file),
    notes: file.notes ?? null,
    groups: factGroups(file).map(({ title, facts }) => ({
      title,
      facts: facts.map(({ isUnknown, ...fact }) => ({ ...fact, is_unknown: isUnknown })),
    })),
    example: exampleEntry(file, path),
  };
}

/** An entry with the credentials from the environment, and the settings that the provider needs. */
function exampleEntry({ id, token }: ProviderFile, path: string | undefined): string {
  const name = id.toUpperCase().replaceAll('-', '_');
  const [method] = token.clientAuthentication;
  const credential = {
    client_secret_basic: { clientSecret: `\${${name}_CLIENT_SECRET}` },
    client_secret_post: { clientSecret: `\${${name}_CLIENT_SECRET}` },
    private_key_jwt: { privateKey: `\${${name}_PRIVATE_KEY}` },
    none: {},
  };
  const entry = {
    ...(path === undefined ? {} : { file: path }),
    clientId: `\${${name}_CLIENT_ID}`,
    ...(method === undefined ? {} : credential[method]),
    ...(token.redirectUriAtRefresh
      ? { redirectUri: `https://evergrant.example.com/connect/callback/${id}` }
      : {}),
  };
  return stringify({ providers: { [id]: entry } });
}
