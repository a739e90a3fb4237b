/** `evergrant indexes check` and `evergrant indexes apply`: MongoDB's indexes, compared with what the queries need. */
import { mongodbStartError } from '../../process/bootstrap';
import { createLogger } from '../../process/logging';
import { StartError } from '../../process/start-error';
import {
  applyIndexes,
  checkIndexes,
  dropCommand,
  IndexProblem,
  type IndexReport,
} from '../../store/mongo/indexes';
import { onIndexConnection } from '../../store/store';
import type { DatabaseCommand, DatabaseContext } from '../command';
import { CommandFailed } from '../errors';

const MORE =
  'Works on MongoDB itself: set MONGODB_URI as for the processes. No index is ever dropped: an index that no query needs is named, with the command that drops it.';

export const indexesCheck: DatabaseCommand = {
  words: ['indexes', 'check'],
  summary: 'List the indexes that MongoDB lacks, and those that no query needs',
  more: `${MORE} Ends with 1 if an index is missing or has another definition.`,
  async runOnDatabase(context) {
    const report = await explained(context, (uri) => onIndexConnection(uri, checkIndexes));
    print(context, report, 'missing');
    return report.missing.length + report.conflicting.length === 0 ? 0 : 1;
  },
};

export const indexesApply: DatabaseCommand = {
  words: ['indexes', 'apply'],
  summary: 'Build the indexes that MongoDB lacks; safe to run twice, and beside running processes',
  more: `${MORE} The log on standard error has a line for each index, and one every 10 s while it is built.`,
  async runOnDatabase(context) {
    const logger = createLogger('info', process.stderr);
    const report = await explained(context, (uri) =>
      onIndexConnection(uri, (connection) => applyIndexes(connection, logger)),
    );
    print(context, report, 'built');
    return 0;
  },
};

async function explained(
  { mongodbUri }: DatabaseContext,
  work: (uri: string) => Promise<IndexReport>,
): Promise<IndexReport> {
  try {
    return await work(mongodbUri);
  } catch (caught) {
    const error = mongodbStartError(caught, mongodbUri);
    if (error instanceof StartError || error instanceof IndexProblem)
      throw new CommandFailed(error.message);
    throw error;
  }
}

function print({ out, json }: DatabaseContext, report: IndexReport, missing: string): void {
  if (json) {
    out.json(report);
    return;
  }
  out.table(
    ['collection', 'index', 'state', 'drop it with'],
    [
      ...report.missing.map(({ collection, index }) => [collection, index, missing, '']),
      ...report.conflicting.map((one) => [
        one.collection,
        one.index,
        'other definition',
        dropCommand(one),
      ]),
      ...report.unneeded.map((one) => [one.collection, one.index, 'not needed', dropCommand(one)]),
    ],
    `MongoDB has exactly the ${report.present.length} indexes that the queries need.`,
  );
}
