/** `evergrant indexes check` and `evergrant indexes apply`: MongoDB's indexes, compared with what the queries need. */
import { dropCommand, type IndexReport } from '../../store/mongo/indexes';
import type { DatabaseCommand, DatabaseContext } from '../command';
import type { Columns } from '../output';

const MORE = [
  'The command connects to MongoDB, not to the API: set MONGODB_URI to the address that the API and the workers use.',
  'It drops no index. For an index that no query needs, it prints the command that drops it.',
];

/** Loaded when needed: the MongoDB driver would add 0.7 s to every other command. */
const loadDatabaseIndexes = () => import('../database-indexes.js');

export const indexesCheck: DatabaseCommand = {
  words: ['indexes', 'check'],
  summary: 'List the indexes that MongoDB lacks, and those that no query needs',
  more: [...MORE, '', 'Exit code 1: an index is missing or has another definition.'].join('\n'),
  async runOnDatabase(context) {
    const { checkDatabase } = await loadDatabaseIndexes();
    const report = await checkDatabase(context.mongodbUri);
    print(context, report, 'missing');
    return report.missing.length + report.conflicting.length === 0 ? 0 : 1;
  },
};

export const indexesApply: DatabaseCommand = {
  words: ['indexes', 'apply'],
  summary: 'Build the indexes that MongoDB lacks; safe to run twice, and beside running processes',
  more: [
    ...MORE,
    'The log on standard error has a line for each index, and one every 10 s while it is built.',
  ].join('\n'),
  async runOnDatabase(context) {
    const { applyToDatabase } = await loadDatabaseIndexes();
    print(context, await applyToDatabase(context.mongodbUri), 'built');
    return 0;
  },
};

type Found = { collection: string; index: string; state: string; drop: string };

function print({ out }: DatabaseContext, report: IndexReport, missing: string): void {
  const found: Found[] = [
    ...report.missing.map(({ collection, index }) => ({
      collection,
      index,
      state: missing,
      drop: '',
    })),
    ...report.conflicting.map((one) => ({
      ...one,
      state: 'other definition',
      drop: dropCommand(one),
    })),
    ...report.unneeded.map((one) => ({ ...one, state: 'not needed', drop: dropCommand(one) })),
  ];
  const nothing = `MongoDB has exactly the ${report.present.length} indexes that the queries need.`;
  out.list(report, found, COLUMNS, nothing, 'whole');
}

const COLUMNS: Columns<Found> = {
  collection: ({ collection }) => collection,
  index: ({ index }) => index,
  state: ({ state }) => state,
  'drop it with': ({ drop }) => drop,
};
