/** Imports a file of accounts batch by batch, for the route and the page: one result per line, then a summary or an error. */
import type { Logger } from 'pino';
import type { ErrorCode } from '../../domain/service-error';
import { describeError } from '../describe-error';
import type { AccountLine } from './account-lines';
import { EarlierLines } from './earlier-lines';
import { type ImportOptions, importLines, type LineResult } from './import-lines';

/** Lines per batch, which are encrypted and stored together; the whole file is never in memory. */
const BATCH = 250;

const NO_LONGER_ALLOWED =
  'The import was stopped: the key or JWT is no longer accepted, or lost the scope "admin". Send the whole file again with another key. Existing accounts are not changed.';

const SEND_AGAIN = 'Send the file again. Existing accounts are not changed.';

/** @param lines at least one, ascending */
function notSure(lines: readonly number[]): string {
  const [first] = lines;
  const which = lines.length === 1 ? `line ${first}` : `lines ${first} to ${lines.at(-1)}`;
  return `MongoDB failed while it stored ${which}. Each account with the result "uncertain" may be stored or not. ${SEND_AGAIN}`;
}

/** The lines by result; `warned` counts lines with warnings, whatever their result. */
export interface ImportCounts {
  lines: number;
  created: number;
  updated: number;
  existed: number;
  valid: number;
  refused: number;
  warned: number;
}

export type ImportMessage =
  | LineResult
  | { summary: ImportCounts }
  | { error: { code: ErrorCode; message: string } };

type Dependencies = Parameters<typeof importLines>[3] & { logger: Logger };

/**
 * Never throws: a failure is the last message.
 * @param isAllowed whether the caller may still import, asked before each batch
 */
export async function* importAccounts(
  lines: AsyncIterable<AccountLine>,
  options: ImportOptions,
  deps: Dependencies,
  isAllowed: () => Promise<boolean>,
): AsyncGenerator<ImportMessage> {
  try {
    yield* results(lines, options, deps, isAllowed);
  } catch (error) {
    deps.logger.error({ err: error, organisation: options.organisation }, 'import failed');
    const { code } = describeError(error);
    const why = code === 'database_unavailable' ? 'MongoDB is unreachable or has no primary. ' : '';
    yield { error: { code, message: `${why}The import was cut off. ${SEND_AGAIN}` } };
  }
}

async function* results(
  lines: AsyncIterable<AccountLine>,
  options: ImportOptions,
  deps: Dependencies,
  isAllowed: () => Promise<boolean>,
): AsyncGenerator<ImportMessage> {
  const summary: ImportCounts = {
    lines: 0,
    created: 0,
    updated: 0,
    existed: 0,
    valid: 0,
    refused: 0,
    warned: 0,
  };
  const earlier = new EarlierLines(deps.vault);
  for await (const batch of batches(lines)) {
    // Cheap, because the reads of keys and sessions are cached or by id.
    if (!(await isAllowed())) {
      yield { error: { code: 'unauthenticated', message: NO_LONGER_ALLOWED } };
      return;
    }
    const uncertain: number[] = [];
    for (const result of await importLines(batch, earlier, options, deps)) {
      summary.lines += 1;
      if (result.warnings.length > 0) summary.warned += 1;
      if (result.result === 'uncertain') uncertain.push(result.line);
      else summary[result.result === 'exists' ? 'existed' : result.result] += 1;
      yield result;
    }
    if (uncertain.length > 0) {
      yield { error: { code: 'database_unavailable', message: notSure(uncertain) } };
      return;
    }
  }
  yield { summary };
}

async function* batches(lines: AsyncIterable<AccountLine>): AsyncIterable<AccountLine[]> {
  let batch: AccountLine[] = [];
  for await (const line of lines) {
    batch.push(line);
    if (batch.length < BATCH) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}
