/** `evergrant providers show`: prints the facts of a provider file with their sources. */
import type { ProviderFile } from '../../providers/catalogue/provider-file';
import { ProviderFileError, readProviderFile } from '../../providers/catalogue/read-file';
import {
  type CatalogueDetails,
  catalogueDetails,
  catalogueFile,
} from '../../services/catalogue/catalogue';
import type { Command } from '../command';
import { CommandFailed } from '../errors';
import { coloured, type Output, type Pairs } from '../output';

export const providersShow: Command = {
  words: ['providers', 'show'],
  positionals: ['id-or-file'],
  takesFiles: true,
  summary: 'Show the facts about a provider, their sources, and an entry for providers.yaml',
  more: [
    'The command takes an id of "evergrant providers list", or the path of a provider file such as ./acme.yaml. It needs',
    'no server. Exit code 1: the file does not exist or is not valid.',
  ].join('\n'),
  async runLocally({ out, positionals: [given = ''] }) {
    const details = isPath(given)
      ? catalogueDetails(fileAt(given), given)
      : catalogueDetails(fileOf(given));
    if (out.isForPeople) show(out, details);
    else out.one(details, pairsOf(details));
    return 0;
  },
};

/** An id consists of lower-case letters, digits and hyphens. */
function isPath(given: string): boolean {
  return /[./\\]/.test(given);
}

function fileAt(path: string): ProviderFile {
  try {
    return readProviderFile(path);
  } catch (error) {
    if (!(error instanceof ProviderFileError)) throw error;
    throw new CommandFailed(
      `${path} is not a valid provider file; "evergrant providers check ${path}" explains: ${error.problems.join('; ')}`,
    );
  }
}

function fileOf(id: string): ProviderFile {
  const file = catalogueFile(id);
  if (file !== null) return file;
  throw new CommandFailed(
    `no file of the provider "${id}" exists; "evergrant providers list" names all ids, and a file of yours is named by its path, such as ./${id}.yaml`,
    'not_found',
  );
}

function pairsOf({ groups, unknown, ...details }: CatalogueDetails): Pairs {
  return [
    ['id', details.id],
    ['name', details.name],
    ['checked', details.checked],
    ['docs', details.docs],
    ['notes', details.notes],
    ...groups.flatMap(({ facts }) =>
      facts.map(({ field, value }): Pairs[number] => [field, value ?? 'unknown']),
    ),
    ['unknown', unknown.join(' ')],
  ];
}

/** Prints the facts in groups. A number in brackets names a source of the list below. */
function show(out: Output, { groups, unknown, ...details }: CatalogueDetails): void {
  const sources = [
    ...new Set(groups.flatMap(({ facts }) => facts.flatMap((fact) => fact.sources))),
  ];
  const width = Math.max(
    ...groups.flatMap(({ facts }) => facts.map(({ title }) => title.length)),
    0,
  );
  out.line(coloured('bold', `${details.name} (${details.id})`));
  out.line(`Checked on ${details.checked}. Documentation: ${details.docs}`);
  if (details.notes !== null) out.line(details.notes.trim());
  for (const { title, facts } of groups) {
    out.line();
    out.line(coloured('bold', title));
    for (const fact of facts) {
      const numbers = fact.sources.map((source) => `[${sources.indexOf(source) + 1}]`).join('');
      const mark = fact.value !== null && fact.is_unknown ? 'an assumption' : '';
      out.line(
        '  ',
        coloured('gray', fact.title.padEnd(width)),
        `  ${[fact.value ?? 'unknown', mark, numbers].filter((one) => one !== '').join('  ')}`,
      );
    }
  }
  out.line();
  if (unknown.length > 0) out.line(`Without a source: ${unknown.join(', ')}`);
  for (const [at, source] of sources.entries()) out.line(`[${at + 1}] ${source}`);
  out.line();
  out.line('For providers.yaml:');
  out.line(details.example.trimEnd());
}
