/** The dialects of one sandbox: two in code, and one for each file in `providers/`, which is read when it is first used. */
import type { ProviderFile } from '../providers/catalogue/provider-file';
import { catalogueIds, readCatalogueFile } from '../providers/catalogue/read-file';
import type { Dialect, SandboxProvider } from './dialect';
import { ebay } from './ebay';
import { fileDialect } from './file-dialect';
import { shopify } from './shopify';

/** Their paths are those of the provider. All paths of another dialect begin with its id. */
const IN_CODE = [ebay, shopify];

export class Dialects {
  readonly #byId = new Map(IN_CODE.map((dialect) => [dialect.provider, dialect]));

  /** @param files provider files that are not in `providers/` */
  constructor(files: readonly ProviderFile[]) {
    for (const file of files) this.#byId.set(file.id, fileDialect(file));
  }

  /** @throws if there is neither a dialect nor a file of this provider */
  of(provider: SandboxProvider): Dialect {
    const dialect = this.#find(provider);
    if (dialect === undefined) throw new TypeError(`the sandbox knows no provider ${provider}`);
    return dialect;
  }

  /** Returns the dialect whose paths include this one, or `undefined`. */
  at(path: string): Dialect | undefined {
    return (
      IN_CODE.find((dialect) => pathsOf(dialect).includes(path)) ??
      this.#find(path.split('/')[1] ?? '')
    );
  }

  #find(provider: SandboxProvider): Dialect | undefined {
    const known = this.#byId.get(provider);
    if (known !== undefined || !catalogueIds().includes(provider)) return known;
    const read = fileDialect(readCatalogueFile(provider));
    this.#byId.set(provider, read);
    return read;
  }
}

function pathsOf({ tokenPath, authorization, validation }: Dialect): (string | undefined)[] {
  return [tokenPath, authorization.path, validation?.path];
}
