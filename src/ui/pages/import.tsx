/** Admin → Accounts → Import: the form with a file, and the results of a check or an import. */
import { csvLine } from '../../domain/text/csv';
import { LINE_MAX_BYTES } from '../../services/accounts/account-lines';
import type { ImportCounts, ImportMessage } from '../../services/accounts/import-accounts';
import type { LineResult } from '../../services/accounts/import-lines';
import { EMPTY_FORM, type FormState } from '../form';
import { FileField, Form, Switch } from '../parts/form';
import { Notice } from '../parts/notice';
import { numeral } from '../parts/plot';
import { ACCOUNTS_PATH } from './accounts';

export const IMPORT_PATH = `${ACCOUNTS_PATH}/import`;
/** The largest file, in bytes. A page holds the file in memory; a larger one would take memory from other requests. */
export const FILE_MAX_BYTES = 8 * 1024 * 1024;
/** Lines in the table of a page; the file to download has more. */
const SHOWN_MAX = 200;
/** Lines that are kept for the download; more would make the page too large for browsers. */
const KEPT_MAX = 10_000;
const FORM = 'import';

/** The endings of files, and their formats. */
export const FORMATS = { csv: 'csv', jsonl: 'jsonl', ndjson: 'jsonl' } as const;

/** The shown part of an import: counts, and the lines that need a person. Holds no member of a line. */
export class ImportReport {
  lines = 0;
  refused = 0;
  uncertain = 0;
  problems: LineResult[] = [];
  summary: ImportCounts | null = null;
  error: string | null = null;

  add(message: ImportMessage): void {
    if ('summary' in message) this.summary = message.summary;
    else if ('error' in message) this.error = message.error.message;
    else {
      this.lines += 1;
      if (message.result === 'refused') this.refused += 1;
      if (message.result === 'uncertain') this.uncertain += 1;
      const isProblem =
        message.result === 'refused' ||
        message.result === 'uncertain' ||
        message.warnings.length > 0;
      if (isProblem && this.problems.length < KEPT_MAX) this.problems.push(message);
    }
  }
}

interface ImportPageProps {
  state?: FormState;
  results?: ImportResultsProps;
}

export function ImportPage({ state = EMPTY_FORM, results }: ImportPageProps) {
  return (
    <>
      <p>
        Each line of the file is one account: a JSON object per line (JSON Lines), or CSV whose
        first line names the members, such as <code>provider,external_id,refresh_token</code>.
        Evergrant first checks the file and stores nothing. Then you import the same file. Accounts
        that exist are not changed.
      </p>
      <Form
        id={FORM}
        action={IMPORT_PATH}
        state={state}
        submit="Check the file"
        back={ACCOUNTS_PATH}
        hasFile
        target="#import-results"
      >
        <div class="drop">
          <FileField
            name="file"
            label="File"
            required
            state={state}
            accept=".csv,.jsonl,.ndjson"
            hint={`Choose a file, or drop it here: CSV or JSON Lines in UTF-8, at most ${FILE_MAX_BYTES / 1024 / 1024} MB, with at most ${LINE_MAX_BYTES / 1024} kB per line. Import larger files with evergrant accounts import.`}
          />
        </div>
        <Switch
          name="quarantine"
          label="Quarantine"
          state={state}
          hint="Another system still refreshes these accounts. Evergrant serves their tokens, and does not refresh them until you release them. Accounts in quarantine get the grants of the file."
        />
      </Form>
      <div id="import-results" aria-live="polite">
        {results !== undefined && <ImportResults {...results} />}
      </div>
    </>
  );
}

export function ImportProgress({ lines, isDryRun }: { lines: number; isDryRun: boolean }) {
  return (
    <Notice kind="note">
      {numeral(lines)} lines are {isDryRun ? 'checked' : 'processed'} …
    </Notice>
  );
}

export interface ImportResultsProps {
  report: ImportReport;
  isDryRun: boolean;
  /** Names the checked file; the import accepts no other. */
  checked: string;
  /** The file is not the one that was checked before. */
  isOther: boolean;
  /** The browser lost the chosen file, because it loaded a page. */
  isChosenAgain: boolean;
}

export function ImportResults(props: ImportResultsProps) {
  const { report, isDryRun, checked, isOther, isChosenAgain } = props;
  const { summary, error, problems } = report;
  const importable = isDryRun && error === null ? (summary?.valid ?? 0) : 0;
  return (
    <section class="results" aria-labelledby="results-title">
      <h2 id="results-title">{isDryRun ? 'Result of the check' : 'Result of the import'}</h2>
      {isOther && (
        <Notice kind="bad">
          This is not the file that was checked before, so it was checked and nothing was stored.
        </Notice>
      )}
      {error !== null && <Notice kind="bad">{error}</Notice>}
      {summary !== null && (
        <Notice kind={report.refused === 0 ? 'good' : 'note'}>
          {sentenceOf(summary, isDryRun)}
        </Notice>
      )}
      {importable > 0 && (
        <div class="form-buttons">
          {isChosenAgain && <p>Choose the same file again, then import it.</p>}
          <button form={FORM} name="checked" value={checked} class="primary">
            Import {accounts(importable)}
          </button>
        </div>
      )}
      {!isDryRun && (
        <p>
          <a class="button" href={ACCOUNTS_PATH}>
            Show the accounts
          </a>
        </p>
      )}
      {problems.length > 0 && <Problems problems={problems} />}
    </section>
  );
}

function sentenceOf(counts: ImportCounts, isDryRun: boolean): string {
  const { lines, created, updated, existed, valid, refused, warned } = counts;
  const parts = isDryRun
    ? [
        `${numeral(valid)} of ${numeral(lines)} ${lines === 1 ? 'line' : 'lines'} ${valid === 1 ? 'is' : 'are'} correct`,
      ]
    : [`${accounts(created)} created`, `${numeral(existed)} existed already`];
  if (updated > 0) parts.push(`${numeral(updated)} in quarantine updated`);
  parts.push(`${numeral(refused)} refused`);
  if (warned > 0) parts.push(`${numeral(warned)} with warnings`);
  return `${parts.join(', ')}.${isDryRun ? ' Nothing is stored yet.' : ''}`;
}

function accounts(count: number): string {
  return count === 1 ? '1 account' : `${numeral(count)} accounts`;
}

const REASON = (one: LineResult) => [one.message ?? [], one.warnings].flat().join(' ');

function Problems({ problems }: { problems: readonly LineResult[] }) {
  const file = [
    csvLine(['line', 'result', 'reason']),
    ...problems.map((one) => csvLine([one.line, one.result, REASON(one)])),
  ].join('\r\n');
  const encoded = Buffer.from(`${file}\r\n`).toString('base64');
  return (
    <>
      <div class="list-head">
        <p>
          Lines to check: <strong>{numeral(problems.length)}</strong>
          {problems.length > SHOWN_MAX && `, of which the first ${numeral(SHOWN_MAX)} are shown`}
        </p>
        <a
          class="button"
          download="import-problems.csv"
          href={`data:text/csv;charset=utf-8;base64,${encoded}`}
        >
          Download these lines as CSV
        </a>
      </div>
      <table class="rows">
        <thead>
          <tr>
            <th scope="col">Line</th>
            <th scope="col">Result</th>
            <th scope="col">Reason</th>
          </tr>
        </thead>
        <tbody>
          {problems.slice(0, SHOWN_MAX).map((one) => (
            <tr>
              <th scope="row">{one.line}</th>
              <td data-label="Result">{one.result}</td>
              <td data-label="Reason">{REASON(one)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </>
  );
}
