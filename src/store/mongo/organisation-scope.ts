/**
 * Separates organisations in the store: a scoped model rejects queries that do not name one organisation before they
 * reach MongoDB. Workers serve all organisations and use separate, unscoped models.
 */
import mongoose, { type Aggregate, type Query, type Schema } from 'mongoose';

/** The query could have matched documents of several organisations. It was not sent. */
export class UnscopedQueryError extends Error {
  override name = 'UnscopedQueryError';
  constructor(collection: string) {
    super(
      `${collection}: the query names no organisation. Add it to the filter, or use the unscoped model for work that serves all organisations.`,
    );
  }
}

const QUERIES = [
  'countDocuments',
  'deleteMany',
  'deleteOne',
  'distinct',
  'estimatedDocumentCount',
  'find',
  'findOne',
  'findOneAndDelete',
  'findOneAndReplace',
  'findOneAndUpdate',
  'replaceOne',
  'updateMany',
  'updateOne',
] as const;

/** A copy of the schema whose queries must name an organisation, and accept only `trusted` query operators. */
export function scopedToOrganisation<T extends Schema>(schema: T): T {
  const scoped = schema.clone() as unknown as Schema;
  const collection = String(schema.get('collection'));
  scoped.pre(
    [...QUERIES],
    { query: true, document: false },
    function (this: Query<unknown, unknown>) {
      if (!namesOrganisation(this.getFilter())) throw new UnscopedQueryError(collection);
      this.setOptions({ sanitizeFilter: true });
    },
  );
  scoped.pre('aggregate', function (this: Aggregate<unknown>) {
    const [first] = this.pipeline();
    const match = first !== undefined && '$match' in first ? first.$match : {};
    if (!namesOrganisation(match)) throw new UnscopedQueryError(collection);
  });
  scoped.pre('bulkWrite', () => {
    throw new UnscopedQueryError(collection);
  });
  return scoped as unknown as T;
}

/** Matches documents of the organisation, and documents of none, such as a sweep's heartbeat. */
export function ofOrganisationOrNone(organisation: string): { $in: (string | null)[] } {
  return mongoose.trusted({ $in: [organisation, null] });
}

/** The organisation must be at the top level of the filter: below `$or` it would restrict only one branch. */
function namesOrganisation(filter: Record<string, unknown>): boolean {
  const { organisation } = filter;
  if (isName(organisation)) return true;
  const among =
    typeof organisation === 'object' && organisation !== null && '$in' in organisation
      ? organisation.$in
      : [];
  return Array.isArray(among) && among.length === 2 && isName(among[0]) && among[1] === null;
}

function isName(value: unknown): boolean {
  return typeof value === 'string' && value !== '';
}
