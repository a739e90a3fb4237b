/** Registers the search attributes that workflows carry, if the namespace lacks them. */
import { setTimeout as delay } from 'node:timers/promises';
import type { ConnectionLike } from '@temporalio/client';
import { StartError } from '../process/start-error';
import { SEARCH_ATTRIBUTES } from '../workflows/search-attributes';
import { GrpcStatus, grpcStatus } from './grpc-status';

/** temporal.api.enums.v1.IndexedValueType */
const INDEXED_VALUE_TYPES = { KEYWORD: 2, INT: 3 } as const;
/** Values that no workflow has, so that a query for them is cheap and finds nothing. */
const UNUSED_VALUES = { KEYWORD: '"-"', INT: '-1' } as const;
/**
 * How long to wait, in ms, until the server knows new search attributes. A production server reloads its namespaces
 * every 10 s, and its cluster's search attributes every 60 s.
 */
const KNOWN_WITHIN_MS = 90_000;
const LOOK_EVERY_MS = 200;

/** How Temporal Cloud refuses the calls of operators. */
const REFUSED: readonly (number | null)[] = [GrpcStatus.permissionDenied, GrpcStatus.unimplemented];

/**
 * Registers the search attributes and waits until the server knows them, because it refuses workflows with unknown
 * ones. If the server knows them already, no call of an operator is made, because Temporal Cloud has none.
 * @throws {StartError} if the server refuses to register them
 * @throws if the server does not know them after 90 s, or Temporal is unreachable
 */
export async function registerSearchAttributes(
  connection: ConnectionLike,
  namespace: string,
): Promise<void> {
  if (await areKnown(connection, namespace)) return;
  try {
    await addMissing(connection, namespace);
  } catch (error) {
    if (REFUSED.includes(grpcStatus(error))) throw new StartError(toRegisterByHand(namespace));
    throw error;
  }
  // Another process may have registered them just now, so always check.
  const deadline = Date.now() + KNOWN_WITHIN_MS;
  while (!(await areKnown(connection, namespace))) {
    if (Date.now() > deadline) {
      throw new Error(
        `Temporal still refuses the search attributes of namespace "${namespace}" ${KNOWN_WITHIN_MS / 1000} s after they were registered. Check them (temporal operator search-attribute list), then start again.`,
      );
    }
    await delay(LOOK_EVERY_MS);
  }
}

async function addMissing(connection: ConnectionLike, namespace: string): Promise<void> {
  // The client's public API has no operator calls; the service stub of the connection has.
  const { operatorService } = connection as ConnectionLike & { operatorService: OperatorService };
  const { customAttributes } = await operatorService.listSearchAttributes({ namespace });
  const missing = SEARCH_ATTRIBUTES.filter(({ name }) => customAttributes?.[name] === undefined);
  if (missing.length === 0) return;
  await operatorService.addSearchAttributes({
    namespace,
    searchAttributes: Object.fromEntries(
      missing.map(({ name, type }) => [name, INDEXED_VALUE_TYPES[type]]),
    ),
  });
}

const TYPE_NAMES = { KEYWORD: 'Keyword', INT: 'Int' } as const;

function toRegisterByHand(namespace: string): string {
  const list = SEARCH_ATTRIBUTES.map(({ name, type }) => `${name} (${TYPE_NAMES[type]})`);
  return `Temporal does not let Evergrant register search attributes in the namespace "${namespace}", as on Temporal Cloud. Add them in its web page or with tcld namespace search-attributes add, then start again: ${list.join(', ')}.`;
}

/**
 * Whether a query may name them. The server checks queries as it checks workflows; the operator's list may be ahead of
 * the part of the server that starts workflows.
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
    // The query names a search attribute that the server does not know.
    if (grpcStatus(error) === GrpcStatus.invalidArgument) return false;
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
