/** Reads and checks provider files: those of `providers/`, each when it is first used, and those of operators. */
import { readdirSync, readFileSync } from 'node:fs';
import { basename, extname, join, resolve } from 'node:path';
import { parse as parseYaml, YAMLParseError } from 'yaml';
import { problemsOf } from './file-problems';
import { overridden, overrideProblems } from './override';
import { type ProviderFile, providerFileSchema } from './provider-file';
import { schemaProblems } from './schema-problems';

/** Beside `src/` and `build/`, which have the same depth. */
const FOLDER = resolve(__dirname, '../../../providers');
const ENDING = '.yaml';

/** A provider file is not valid. A file of the catalogue always is. */
export class ProviderFileError extends Error {
  override name = 'ProviderFileError';
  /** Each as `field: problem`. */
  readonly problems: readonly string[];
  constructor(file: string, problems: readonly string[]) {
    super(`${file} is not valid:\n${problems.join('\n')}`);
    this.problems = problems;
  }
}

/** The ids of all files of the catalogue. */
export function catalogueIds(): string[] {
  return readdirSync(FOLDER)
    .filter((name) => name.endsWith(ENDING))
    .map((name) => name.slice(0, -ENDING.length))
    .toSorted();
}

/** @throws {ProviderFileError} */
export function readCatalogueFile(id: string): ProviderFile {
  return readProviderFile(cataloguePath(id));
}

export function cataloguePath(id: string): string {
  return join(FOLDER, id + ENDING);
}

/** Reads a file anywhere, such as one of an operator. @throws {ProviderFileError} */
export function readProviderFile(path: string): ProviderFile {
  return parseProviderFile(idOf(path), textOf(path));
}

/**
 * Reads a valid file with the members that an entry overrides. They need no source, and the examples of the file do not
 * have to fit them.
 * @throws {ProviderFileError} with problems of the override
 */
export function readOverriddenFile(
  path: string,
  override: Readonly<Record<string, unknown>>,
): ProviderFile {
  const id = idOf(path);
  const fixed = overrideProblems(override);
  if (fixed.length > 0) throw new ProviderFileError(id, fixed);
  const raw = overridden(parsedYaml(id, textOf(path)), override);
  const parsed = providerFileSchema.safeParse(raw);
  if (!parsed.success) throw new ProviderFileError(id, schemaProblems(parsed.error, raw));
  const problems = problemsOf(parsed.data, raw, { isOverridden: true }).filter(
    (problem) => !problem.startsWith('examples.'),
  );
  if (problems.length > 0) throw new ProviderFileError(id, problems);
  return parsed.data;
}

function idOf(path: string): string {
  return basename(path, extname(path));
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new ProviderFileError(path, [`the file: cannot be read: ${reasonOf(error)}`]);
  }
}

/** @throws {ProviderFileError} */
export function parseProviderFile(id: string, text: string): ProviderFile {
  const raw = parsedYaml(id, text);
  const parsed = providerFileSchema.safeParse(raw);
  if (!parsed.success) throw new ProviderFileError(id, schemaProblems(parsed.error, raw));
  const problems = [
    ...(parsed.data.id === id ? [] : [`id: must be ${id}, the name of the file`]),
    ...problemsOf(parsed.data, raw),
  ];
  if (problems.length > 0) throw new ProviderFileError(id, problems);
  return parsed.data;
}

function parsedYaml(id: string, text: string): unknown {
  try {
    return parseYaml(text);
  } catch (error) {
    if (!(error instanceof YAMLParseError)) throw error;
    const message = error.message.replace(/:?\n[^]*$/, '');
    throw new ProviderFileError(id, [`the file: is not valid YAML; correct it: ${message}`]);
  }
}

function reasonOf(error: unknown): string {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : null;
  return code === 'ENOENT' ? 'it does not exist; correct the path' : String(code);
}
