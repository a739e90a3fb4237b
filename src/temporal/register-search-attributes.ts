/** Registers the search attributes that workflows carry, where the namespace does not have them yet. */
import { setTimeout as delay } from 'node:timers/promises';
import { type ConnectionLike, isGrpcServiceError } from '@temporalio/client';
import { SEARCH_ATTRIBUTES } from './workflows/search-attributes';

/** temporal.api.enums.v1.IndexedValueType */
const INDEXED_VALUE_TYPES = { KEYWORD: 2, INT: 3 } as const;
/** Values that none of ours has, so that a query for them finds nothing, and at once. */
const UNUSED_VALUES = { KEYWORD: '"-"', INT: '-1' } as const;
/** A production server reads its namespaces anew every ten seconds, and the search attributes of its cluster every sixty. */
const KNOWN_WITHIN_MS = 90_000;
const LOOK_EVERY_MS = 200;
/** gRPC's word for a query that names what the server does not know. */
const INVALID_ARGUMENT = 3;

/**
 * Waits until the server knows them: a workflow that carries an unknown one is refused.
 * @throws where it does not within a minute and a half, and whatever says that Temporal is away
 */
export async function registerSearchAttributes(
  connection: ConnectionLike,
  namespace: string,
): Promise<void> {
  // Operator calls are not part of the client's public surface but for this: the connection's own service stub.
  const { operatorService } = connection as ConnectionLike & { operatorService: OperatorService };
  const { customAttributes } = await operatorService.listSearchAttributes({ namespace });
  const missing = SEARCH_ATTRIBUTES.filter(({ name }) => customAttributes?.[name] === undefined);
  if (missing.length > 0) {
    await operatorService.addSearchAttributes({
      namespace,
      searchAttributes: Object.fromEntries(
        missing.map(({ name, type }) => [name, INDEXED_VALUE_TYPES[type]]),
      ),
    });
  }
  // Another process may have registered them a moment ago, so there is always a look.
  const deadline = Date.now() + KNOWN_WITHIN_MS;
  while (!(await areKnown(connection, namespace))) {
    if (Date.now() > deadline) {
      throw new Error(
        `Temporal does not know the search attributes of namespace "${namespace}" that were registered ${KNOWN_WITHIN_MS / 1000} s ago. Start again; temporal operator search-attribute list shows them.`,
      );
    }
    await delay(LOOK_EVERY_MS);
  }
}

/**
 * A query that names them is checked as a workflow that carries them is: what the operator's list says already, the
 * part of the server that starts workflows may not have read yet.
 */
async function areKnown(connection: ConnectionLike, namespace: string): Promise<boolean> {
  const terms = SEARCH_ATTRIBUTES.map(({ name, type }) => `${name} = ${UNUSED_VALUES[type]}`);
  try {
    await connection.workflowService.countWorkflowExecutions({
      namespace,
      query: terms.join(' AND '),
    });
    return true;
  } catch (error) {
    const code: number | null = isGrpcServiceError(error) ? error.code : null;
    if (code === INVALID_ARGUMENT) return false;
    throw error;
  }
}

interface OperatorService {
  listSearchAttributes(request: {
    namespace: string;
  }): Promise<{ customAttributes?: Record<string, unknown> | null }>;
  addSearchAttributes(request: {
    namespace: string;
    searchAttributes: Record<string, number>;
  }): Promise<unknown>;
}
