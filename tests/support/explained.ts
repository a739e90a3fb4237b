/** Counts the index keys and documents that the queries of an action examine, with the `explain` of the server. */
import mongoose from 'mongoose';

export interface ExplainedQuery {
  collection: string;
  /** `null` for a collection scan. */
  index: string | null;
  returned: number;
  keysExamined: number;
  documentsExamined: number;
}

interface Sent {
  collection: string;
  filter: Record<string, unknown>;
  options: Record<string, unknown>;
}

/** The finds that the action sends through Mongoose, explained after it has ended. */
export async function explained(
  uri: string,
  action: () => Promise<unknown>,
): Promise<ExplainedQuery[]> {
  const sent: Sent[] = [];
  mongoose.set('debug', (collection: string, method: string, filter: object, options: object) => {
    if (method === 'find')
      sent.push({ collection, filter: { ...filter }, options: { ...options } });
  });
  try {
    await action();
  } finally {
    mongoose.set('debug', false);
  }
  const connection = await mongoose.createConnection(uri).asPromise();
  try {
    return await Promise.all(sent.map((query) => explainedQuery(connection, query)));
  } finally {
    await connection.close();
  }
}

async function explainedQuery(
  connection: mongoose.Connection,
  { collection, filter, options: { sort, limit } }: Sent,
): Promise<ExplainedQuery> {
  const plan = await connection
    .collection(collection)
    .find(filter, { ...(sort ? { sort } : {}), ...(limit ? { limit } : {}) } as object)
    .explain('executionStats');
  const { nReturned, totalKeysExamined, totalDocsExamined } = plan['executionStats'];
  return {
    collection,
    index: indexOf(plan['queryPlanner'].winningPlan),
    returned: Number(nReturned),
    keysExamined: Number(totalKeysExamined),
    documentsExamined: Number(totalDocsExamined),
  };
}

/** The index of the innermost stage of a plan. */
function indexOf(plan: {
  indexName?: string;
  inputStage?: never;
  queryPlan?: never;
}): string | null {
  const { indexName, inputStage, queryPlan } = plan;
  if (indexName !== undefined) return indexName;
  const inner = inputStage ?? queryPlan;
  return inner === undefined ? null : indexOf(inner);
}
