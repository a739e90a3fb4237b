/** Reads and checks the files of `providers/`, each when it is first used. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parse as parseYaml } from 'yaml';
import { problemsOf } from './file-problems';
import { type ProviderFile, providerFileSchema } from './provider-file';

/** Beside `src/` and `build/`, which have the same depth. */
const FOLDER = resolve(__dirname, '../../../providers');

/** A file of the catalogue is not valid. A released file always is. */
class ProviderFileError extends Error {
  override name = 'ProviderFileError';
  readonly problems: readonly string[];
  constructor(id: string, problems: readonly string[]) {
    super(`providers/${id}.yaml is not valid:\n${problems.join('\n')}`);
    this.problems = problems;
  }
}

/** The ids of all files. */
export function catalogueIds(): string[] {
  return readdirSync(FOLDER)
    .filter((name) => name.endsWith('.yaml'))
    .map((name) => name.slice(0, -'.yaml'.length))
    .toSorted();
}

/** @throws {ProviderFileError} */
export function readCatalogueFile(id: string): ProviderFile {
  return parseProviderFile(id, readFileSync(join(FOLDER, `${id}.yaml`), 'utf8'));
}

/** @throws {ProviderFileError} */
export function parseProviderFile(id: string, text: string): ProviderFile {
  const raw: unknown = parseYaml(text);
  const parsed = providerFileSchema.safeParse(raw);
  if (!parsed.success)
    throw new ProviderFileError(
      id,
      parsed.error.issues.map(({ path, message }) => `${path.map(String).join('.')}: ${message}`),
    );
  const problems = [
    ...(parsed.data.id === id ? [] : [`id: must be ${id}, the name of the file`]),
    ...problemsOf(parsed.data, raw),
  ];
  if (problems.length > 0) throw new ProviderFileError(id, problems);
  return parsed.data;
}
