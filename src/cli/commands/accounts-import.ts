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
  positionals: ['file|-'],
  rest: 'file',
  takesFiles: true,
  summary: 'Connect many accounts from JSON Lines, CSV, or an export of another system',
  options: {
    format: { type: 'string', value: 'format', help: 'jsonl or csv (default: by the file name)' },
    quarantine: {
      type: 'boolean',
      help: 'store the accounts in quarantine: Evergrant serves their tokens, but does not refresh them until you release them',
    },
    'dry-run': { type: 'boolean', help: 'check all lines without storing any' },
    refused: {
      type: 'string',
      value: 'path',
      takesFile: true,
      help: 'write refused lines to this new file, so that you can correct them; the file contains tokens (mode 0600)',
    },
    from: {
      type: 'string',
      value: 'system',
      help: 'read an export of this system; the systems are listed below',
    },
    provider: {
      type: 'string',
      value: 'name',
      help: 'with --from: provider of providers.yaml for all accounts; <name>/<environment> selects another environment than its default',
    },
    map: {
      type: 'string',
      multiple: true,
      value: 'exported=name',
      help: 'with --from: provider for an exported provider name or client id; takes precedence over --provider, and may be repeated',
    },
    'external-id': {
      type: 'string',
      value: 'id',
      help: 'with --from: id of the account, if the export has one account and does not name it',
    },
  },
  more: [
    'Each line has the members of POST /api/admin/accounts: provider, external_id, refresh_token, and optionally',
    'environment, label, kind, access_token, expires_at, refresh_token_expires_at, scopes, quarantine. The first line',
    'of a CSV names the columns. The file must be UTF-8; in a spreadsheet, save it as "CSV UTF-8". The file name -',
    'means standard input.',
    '',
    'Running an import again is safe: an account that exists is not changed. With --quarantine, an account that is',
    'still in quarantine receives the tokens of its line. A second line of the same account with another token is',
    'refused. A second account with the same refresh token is refused if the provider rotates refresh tokens;',
    'otherwise the import prints a warning.',
    '',
    'Examples:',
    '  evergrant accounts import --quarantine --dry-run etsy.jsonl',
    '  psql -qAt -f export-etsy.sql | evergrant accounts import --quarantine --format jsonl -',
    '',
    `Systems for --from: ${[...IMPORT_SOURCES.keys()].join(', ')}.`,
    'docs/migrating.md describes how to export from each. The files must be JSON or JSON Lines, not larger than',
    '256 MiB together, with tokens in plain text. An encrypted entry is refused, and the reason shows the command that',
    'exports it in plain text. Without --map and --provider, an exported provider name must be a name in providers.yaml.',
    '',
    'Examples:',
    '  evergrant import --from nango --map google-mail=google --quarantine --dry-run connections.jsonl',
    '  n8n export:credentials --all --decrypted --output=c.json && evergrant import --from n8n --provider google c.json',
    '',
    '--json prints one JSON object per line: each refused or uncertain line, each line with warnings, and then the summary.',
    'Exit code 1: a line was refused, or the import failed.',
  ].join('\n'),
  run: importAccounts,
};

/** Short form of `accounts import`. */
export const importCommand: Command = {
  ...accountsImport,
  words: ['import'],
  summary: 'Short form of "accounts import"',
};

async function importAccounts(context: Context): Promise<0 | 1> {
  const { api, out, options, positionals } = context;
  const [path = '-'] = positionals;
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
    body: refused === null ? bytes : Readable.from(refused.forward(bytes, format === 'csv')),
  });
  const answers = exported?.answers(uploaded) ?? uploaded;
  const report = new ImportReport(exported === null ? undefined : (line) => exported.placeOf(line));
  const progress = createProgress(process.stderr);
  try {
    for await (const answer of answers) {
      if ('error' in answer) throw new CommandFailed(answer.error.message);
      if ('summary' in answer) {
        progress.end(report.soFar());
        if (!out.isForPeople) out.jsonLine(answer);
        else report.print(out, answer.summary);
        if (report.refused > 0 && refusedPath !== undefined)
          out.remark(
            `The refused lines are in ${refusedPath}. The file contains tokens: delete it after use.`,
          );
        // An empty input is an error, because a failed export in a pipe must not look like a successful import.
        if (report.lines === 0) throw new CommandFailed(`${name} has no lines to import.`);
        return report.refused > 0 ? 1 : 0;
      }
      report.add(answer);
      refused?.answered(answer.line, answer.result === 'refused');
      const isNoted = answer.result === 'refused' || answer.result === 'uncertain';
      if (!out.isForPeople && (isNoted || answer.warnings.length > 0))
        out.jsonLine({ ...answer, entry: exported?.placeOf(answer.line) });
      progress.show(() => report.soFar());
    }
  } finally {
    refused?.close();
  }
  throw new CommandFailed(
    `The connection closed after line ${report.lines}. Run the import again; accounts that already exist are not changed.`,
  );
}

async function readExport({
  api,
  options,
  positionals,
}: Context): Promise<ExportedAccounts | null> {
  const from = options.text('from');
  if (from !== undefined) {
    if (options.text('format') !== undefined)
      throw new UsageError('--format cannot be used with --from');
    return await ExportedAccounts.read(from, positionals, { options, api, now: new Date() });
  }
  if (positionals.length > 1) throw new UsageError('several files are accepted only with --from');
  for (const name of ['provider', 'map', 'external-id'])
    if (options.text(name) !== undefined || options.texts(name).length > 0)
      throw new UsageError(
        `--${name} can be used only with --from. Without it, each line has its own values.`,
      );
  return null;
}

function formatOf(path: string, given: string | undefined): Format {
  const name = given ?? /\.([^./]+)$/.exec(path)?.[1]?.toLowerCase();
  if (name === 'csv') return 'csv';
  if (name === 'jsonl' || (given === undefined && name === 'ndjson')) return 'jsonl';
  throw new UsageError(
    given === undefined
      ? `--format is required, because the name "${path}" ends neither in .jsonl nor in .csv`
      : `--format must be jsonl or csv, not "${given}"`,
  );
}
