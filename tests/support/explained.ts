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
  /** The filter of a find, or the pipeline of an aggregation. */
  query: object;
  options: { sort?: mongoose.mongo.Sort; skip?: number; limit?: number };
}

/** The finds, counts and aggregations that the action sends through Mongoose, explained after it has ended. */
export async function explained(
  uri: string,
  action: () => Promise<unknown>,
): Promise<ExplainedQuery[]> {
  const sent: Sent[] = [];
  mongoose.set(
    'debug',
    (collection: string, method: string, query: object, options: Sent['options'] = {}) => {
      if (['find', 'findOne', 'countDocuments', 'aggregate'].includes(method))
        sent.push({ collection, query: structuredCopy(query), options: { ...options } });
    },
  );
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
  { collection, query, options: { sort, skip, limit } }: Sent,
): Promise<ExplainedQuery> {
  const documents = connection.collection(collection);
  const cursor = Array.isArray(query)
    ? documents.aggregate(query)
    : documents.find(query, {
        ...(sort ? { sort } : {}),
        ...(skip ? { skip } : {}),
        ...(limit ? { limit } : {}),
      });
  const plan = await cursor.explain('executionStats');
  // MongoDB nests the plan of an aggregation in its first stage.
  const { queryPlanner, executionStats } = plan['stages']?.[0]?.$cursor ?? plan;
  const { nReturned, totalKeysExamined, totalDocsExamined } = executionStats;
  return {
    collection,
    index: indexOf(queryPlanner.winningPlan),
    returned: Number(nReturned),
    keysExamined: Number(totalKeysExamined),
    documentsExamined: Number(totalDocsExamined),
  };
}

/** Mongoose may change a filter after it has reported it. */
function structuredCopy(query: object): object {
  return Array.isArray(query) ? [...query] : { ...query };
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
