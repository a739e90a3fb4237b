/** `evergrant import`: connects many accounts from JSON Lines, CSV or another system's export. */
import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import type { Command, Context } from '../command';
import { CommandFailed, UsageError } from '../errors';
import { ExportedAccounts } from '../exported-accounts';
import { type ImportAnswer, ImportReport } from '../import-report';
import { IMPORT_SOURCES } from '../import-sources';
import { createProgress } from '../progress';
import { RefusedLines } from '../refused-lines';

const TYPES = { jsonl: 'application/x-ndjson', csv: 'text/csv' } as const;
type Format = keyof typeof TYPES;

export const accountsImport: Command = {
  words: ['accounts', 'import'],
  places: ['file|-'],
  rest: 'file',
  summary:
    'Connect many accounts from JSON Lines, CSV or an export of another system; safe to run twice',
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
    from: {
      type: 'string',
      value: 'system',
      help: 'read the export of another system as it is; which, see below',
    },
    provider: {
      type: 'string',
      value: 'name',
      help: 'with --from: the provider of providers.yaml for all accounts; <name>/<environment> if not its default',
    },
    map: {
      type: 'string',
      multiple: true,
      value: 'theirs=name',
      help: "with --from, any number of times: the provider for the other system's name or client id; before --provider",
    },
    'external-id': {
      type: 'string',
      value: 'id',
      help: 'with --from: whose account it is, where the export does not say; for one account',
    },
  },
  more: [
    'Each line has the members of POST /api/admin/accounts: provider, external_id, refresh_token, and, if known,',
    'environment, label, kind, access_token, expires_at, refresh_token_expires_at, scopes, quarantine. A CSV names',
    'them in its first line. An account that is there already is left as it is; with --quarantine, one that is still',
    'in quarantine is given the tokens of its line. - reads standard input. The text is UTF-8: of a spreadsheet,',
    '"CSV UTF-8". Two lines of one account with two tokens, and one refresh token of two accounts, are refused (the',
    'second of them), the latter as a warning where the provider keeps refresh tokens.',
    '',
    '  evergrant accounts import --quarantine --dry-run etsy.jsonl',
    '  psql -qAt -f export-etsy.sql | evergrant accounts import --quarantine --format jsonl -',
    '',
    `--from takes ${[...IMPORT_SOURCES.keys()].join(', ')}.`,
    'docs/migrating.md says how to export from each. Its files are JSON or JSON Lines, 256 MiB together, in plain text:',
    'what is encrypted is refused with the command that exports it in plain. A provider of the same name is taken.',
    '',
    '  evergrant import --from nango --map google-mail=google --quarantine --dry-run connections.jsonl',
    '  n8n export:credentials --all --decrypted --output=c.json && evergrant import --from n8n --provider google c.json',
    '',
    'With --json: the answer for each line that was refused, is uncertain or has warnings, then the summary, one a line. Ends with 1',
    'if a line was refused.',
  ].join('\n'),
  run: importAccounts,
};

/** Short form of `accounts import`. */
export const importCommand: Command = { ...accountsImport, words: ['import'] };

async function importAccounts(context: Context): Promise<0 | 1> {
  const { api, out, json, options, places } = context;
  const [path = '-'] = places;
  const exported = await readExport(context);
  const format = exported === null ? formatOf(path, options.text('format')) : 'jsonl';
  const refusedPath = options.text('refused');
  const refused = refusedPath === undefined ? null : new RefusedLines(refusedPath);
  const bytes: Readable =
    exported?.body() ?? (path === '-' ? process.stdin : createReadStream(path));
  for (const remark of exported?.remarks() ?? []) out.remark(remark);
  const name = path === '-' ? 'Standard input' : path;
  const uploaded = api.upload<ImportAnswer>('/api/admin/accounts/import', {
    query: {
      quarantine: options.isSet('quarantine') ? 'true' : undefined,
      dry_run: options.isSet('dry-run') ? 'true' : undefined,
    },
    type: TYPES[format],
    name,
    body: refused === null ? bytes : Readable.from(refused.passing(bytes, format === 'csv')),
  });
  const answers = exported?.answers(uploaded) ?? uploaded;
  const report = new ImportReport(exported === null ? undefined : (line) => exported.placeOf(line));
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
        // An empty input is an error, because a failed export in a pipe must not look like a successful import.
        if (report.lines === 0) throw new CommandFailed(`${name} holds no line to import.`);
        return report.refused > 0 ? 1 : 0;
      }
      report.add(answer);
      refused?.answered(answer.line, answer.result === 'refused');
      const isNoted = answer.result === 'refused' || answer.result === 'uncertain';
      if (json && (isNoted || answer.warnings.length > 0))
        out.jsonLine({ ...answer, entry: exported?.placeOf(answer.line) });
      progress.show(() => report.soFar());
    }
  } finally {
    refused?.close();
  }
  throw new CommandFailed(
    `The import was cut off after line ${report.lines}. Run it again: what is there is left as it is.`,
  );
}

async function readExport({ api, options, places }: Context): Promise<ExportedAccounts | null> {
  const from = options.text('from');
  if (from !== undefined) {
    if (options.text('format') !== undefined)
      throw new UsageError('--format is for JSON Lines and CSV: with --from it is not needed');
    return await ExportedAccounts.read(from, places, { options, api, now: new Date() });
  }
  if (places.length > 1) throw new UsageError('takes one file; several only with --from');
  for (const name of ['provider', 'map', 'external-id'])
    if (options.text(name) !== undefined || options.texts(name).length > 0)
      throw new UsageError(`--${name} is for --from: without it, each line names its own`);
  return null;
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
