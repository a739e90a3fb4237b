/** The dialects of one sandbox: one for each file in `providers/`, which is read when it is first used. */
import type { ProviderFile } from '../providers/catalogue/provider-file';
import { catalogueIds, readCatalogueFile } from '../providers/catalogue/read-file';
import type { Dialect, SandboxProvider } from './dialect';
import { fileDialect } from './file-dialect';

export class Dialects {
  readonly #byId = new Map<SandboxProvider, Dialect>();

  /** @param files provider files that are not in `providers/` */
  constructor(files: readonly ProviderFile[]) {
    for (const file of files) this.#byId.set(file.id, fileDialect(file));
  }

  /** @throws if no file describes this provider */
  of(provider: SandboxProvider): Dialect {
    const dialect = this.#find(provider);
    if (dialect === undefined) throw new TypeError(`the sandbox knows no provider ${provider}`);
    return dialect;
  }

  /** Returns the dialect whose paths begin like this one, or `undefined`. */
  at(path: string): Dialect | undefined {
    return this.#find(path.split('/')[1] ?? '');
  }

  #find(provider: SandboxProvider): Dialect | undefined {
    const known = this.#byId.get(provider);
    if (known !== undefined || !catalogueIds().includes(provider)) return known;
    const read = fileDialect(readCatalogueFile(provider));
    this.#byId.set(provider, read);
    return read;
  }
}
