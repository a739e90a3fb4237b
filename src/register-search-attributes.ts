/** Registers the search attributes that workflows carry, where the namespace does not have them yet. */
import { setTimeout as delay } from 'node:timers/promises';
import type { ConnectionLike } from '@temporalio/client';
import { SEARCH_ATTRIBUTES } from './workflows/search-attributes';

/** temporal.api.enums.v1.IndexedValueType */
const INDEXED_VALUE_TYPES = { KEYWORD: 2, INT: 3 } as const;
const VISIBLE_WITHIN_MS = 30_000;

/** Waits until the server knows them: a workflow that carries an unknown one is refused. */
export async function registerSearchAttributes(
  connection: ConnectionLike,
  namespace: string,
): Promise<void> {
  // Operator calls are not part of the client's public surface but for this: the connection's own service stub.
  const { operatorService } = connection as ConnectionLike & { operatorService: OperatorService };
  const missing = async () => {
    const { customAttributes } = await operatorService.listSearchAttributes({ namespace });
    return SEARCH_ATTRIBUTES.filter(({ name }) => customAttributes?.[name] === undefined);
  };
  const wanted = await missing();
  if (wanted.length === 0) return;
  await operatorService.addSearchAttributes({
    namespace,
    searchAttributes: Object.fromEntries(
      wanted.map(({ name, type }) => [name, INDEXED_VALUE_TYPES[type]]),
    ),
  });
  const deadline = Date.now() + VISIBLE_WITHIN_MS;
  while ((await missing()).length > 0 && Date.now() < deadline) await delay(200);
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
