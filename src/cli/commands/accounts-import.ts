import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import type { Command, Context } from '../command';
import { CommandFailed, UsageError } from '../errors';
import { type ImportAnswer, ImportReport } from '../import-report';
import { createProgress } from '../progress';
import { RefusedLines } from '../refused-lines';

const TYPES = { jsonl: 'application/x-ndjson', csv: 'text/csv' } as const;
type Format = keyof typeof TYPES;

export const accountsImport: Command = {
  words: ['accounts', 'import'],
  places: ['file|-'],
  summary: 'Connect many accounts from JSON Lines or CSV; safe to run twice',
  options: {
    format: { type: 'string', value: 'format', help: 'jsonl or csv, where the name does not tell' },
    quarantine: {
      type: 'boolean',
      help: 'store all of them in quarantine: served, and not refreshed until they are released',
    },
    'dry-run': { type: 'boolean', help: 'check every line, and store none' },
    refused: {
      type: 'string',
      value: 'path',
      help: 'write the lines that were refused to this new file, to be corrected; it holds tokens (mode 0600)',
    },
  },
  more: [
    'Each line has the members of POST /api/admin/accounts: provider, external_id, refresh_token, and, if known,',
    'environment, label, kind, access_token, expires_at, refresh_token_expires_at, scopes, quarantine. A CSV names',
    'them in its first line. An account that is there already is left as it is; with --quarantine, one that is still',
    'in quarantine is given the tokens of its line. - reads standard input.',
    '',
    '  evergrant accounts import --quarantine --dry-run etsy.jsonl',
    '  psql -qAt -f export-etsy.sql | evergrant accounts import --quarantine --format jsonl -',
    '',
    'With --json: the answer for each refused line, then the summary, one a line. Ends with 1 if a line was refused.',
  ].join('\n'),
  run: importAccounts,
};

/** The same, in fewer words. */
export const importCommand: Command = { ...accountsImport, words: ['import'] };

async function importAccounts(context: Context): Promise<0 | 1> {
  const { api, out, json, options, places } = context;
  const [path = '-'] = places;
  const format = formatOf(path, options.text('format'));
  const refusedPath = options.text('refused');
  const refused = refusedPath === undefined ? null : new RefusedLines(refusedPath);
  const bytes: Readable = path === '-' ? process.stdin : createReadStream(path);
  const answers = api.upload<ImportAnswer>('/api/admin/accounts/import', {
    query: {
      quarantine: options.isSet('quarantine') ? 'true' : undefined,
      dry_run: options.isSet('dry-run') ? 'true' : undefined,
    },
    type: TYPES[format],
    name: path === '-' ? 'Standard input' : path,
    body: refused === null ? bytes : Readable.from(refused.passing(bytes, format === 'csv')),
  });
  const report = new ImportReport();
  const progress = createProgress(process.stderr);
  try {
    for await (const answer of answers) {
      if ('error' in answer) throw new CommandFailed(answer.error.message);
      if ('summary' in answer) {
        progress.end(report.soFar());
        if (json) out.jsonLine(answer);
        else report.print(out, answer.summary);
        if (report.refused > 0 && refusedPath !== undefined)
          out.remark(
            `${refusedPath} has the refused lines. It holds tokens: delete it afterwards.`,
          );
        return report.refused > 0 ? 1 : 0;
      }
      report.add(answer);
      refused?.answered(answer.line, answer.result === 'refused');
      if (json && answer.result === 'refused') out.jsonLine(answer);
      progress.show(() => report.soFar());
    }
  } finally {
    refused?.close();
  }
  throw new CommandFailed(
    `The import was cut off after line ${report.lines}. Run it again: what is there is left as it is.`,
  );
}

function formatOf(path: string, given: string | undefined): Format {
  const name = given ?? /\.([^./]+)$/.exec(path)?.[1]?.toLowerCase();
  if (name === 'csv') return 'csv';
  if (name === 'jsonl' || (given === undefined && name === 'ndjson')) return 'jsonl';
  throw new UsageError(
    given === undefined
      ? `--format is needed: "${path}" ends neither in .jsonl nor in .csv`
      : `--format takes jsonl or csv, not "${given}"`,
  );
}
