/** `evergrant providers check`: checks provider files: their form, their rules, and their examples. */
import { contractOf } from '../../providers/catalogue/contract';
import { fileAdapter } from '../../providers/catalogue/file-adapter';
import { ProviderFileError, readProviderFile } from '../../providers/catalogue/read-file';
import type { Command } from '../command';
import { coloured, type Output } from '../output';

interface CheckedFile {
  file: string;
  valid: boolean;
  /** How many examples and rules were run. 0: the file does not have the form. */
  checks: number;
  problems: { field: string; problem: string }[];
}

export const providersCheck: Command = {
  words: ['providers', 'check'],
  positionals: ['file'],
  rest: 'file',
  takesFiles: true,
  summary: 'Check provider files: their form, their sources, and their examples',
  more: [
    'The command needs no server and no network: it runs the documented requests, answers, refusals and callbacks',
    'of the file against the code that refreshes accounts. To use a file, set "file: ./acme.yaml" in an entry of',
    'providers.yaml. Exit code 1: a file has a problem.',
  ].join('\n'),
  async runLocally({ out, positionals }) {
    const items = await Promise.all(positionals.map(checked));
    if (out.isForPeople) for (const item of items) show(out, item);
    else if (out.format === 'jsonl') for (const item of items) out.jsonLine(item);
    else {
      const rows = items.flatMap(({ file, problems }) => problems.map((one) => ({ file, ...one })));
      out.list(
        { items, next_cursor: null },
        rows,
        {
          file: ({ file }) => file,
          field: ({ field }) => field,
          problem: ({ problem }) => problem,
        },
        '',
      );
    }
    return items.every(({ valid }) => valid) ? 0 : 1;
  },
};

function show(out: Output, { file, checks, problems }: CheckedFile): void {
  if (problems.length === 0)
    return out.line(coloured('green', 'valid'), `  ${file}: ${checks} checks passed`);
  const count = problems.length === 1 ? '1 problem' : `${problems.length} problems`;
  out.line(coloured('red', 'not valid'), `  ${file}: ${count}`);
  for (const { field, problem } of problems)
    out.line('  ', coloured('bold', field), `: ${problem}`);
}

async function checked(path: string): Promise<CheckedFile> {
  const { checks, problems } = await problemsOf(path);
  return {
    file: path,
    valid: problems.length === 0,
    checks,
    problems: problems.map((text) => {
      const [field = '', ...rest] = text.split(': ');
      return { field, problem: rest.join(': ') };
    }),
  };
}

async function problemsOf(path: string): Promise<{ checks: number; problems: readonly string[] }> {
  try {
    const file = readProviderFile(path);
    const contract = contractOf(file, fileAdapter(file));
    const found = await Promise.all(contract.map(({ run }) => run()));
    return { checks: contract.length, problems: found.flat() };
  } catch (error) {
    if (error instanceof ProviderFileError) return { checks: 0, problems: error.problems };
    // The fault of one file must not hide the results of the others.
    const message = error instanceof Error ? error.message : String(error);
    return { checks: 0, problems: [`the file: cannot be checked: ${message}`] };
  }
}
