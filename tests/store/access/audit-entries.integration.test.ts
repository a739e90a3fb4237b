/** The filters of the audit: each reads the entries that it returns. */
import { randomUUID } from 'node:crypto';
import type { AuditDetails } from '../../../src/domain/audit/audit';
import { explained } from '../../support/explained';
import { NOW, storeForTest, type TestStore } from '../_store';

const organisation = 'org_a';
/** Answers of the API, by their place in the chain. */
const STATUSES = [200, 404, 201, 204, 500, 200, 200, 403, 200];
const FAILED = [404, 500, 403];

let store: TestStore;
beforeAll(async () => {
  store = await storeForTest();
  for (const [index, status] of STATUSES.entries()) {
    await insert(2 * index + 1, { phase: 'asked' });
    await insert(2 * index + 2, { phase: 'answered', status });
  }
});
afterAll(() => store.close());

const insert = (sequence: number, details: AuditDetails) =>
  store.auditEntries.insert({
    id: randomUUID(),
    organisation,
    sequence,
    at: new Date(NOW.getTime() + sequence).toISOString(),
    actor: 'key',
    action: 'PATCH /api/admin/accounts/{id}',
    details,
    keptUntil: new Date(NOW.getTime() + 86_400_000).toISOString(),
    previous: null,
    hash: String(sequence),
  });

const failed = () => store.auditEntries.newest({ organisation, failed: true, limit: 10 });

it('the filter by failure returns the answers with a status of 400 or more, newest first', async () => {
  const statuses = (await failed()).map(({ details }) => details['status']);
  expect(statuses).toEqual(FAILED.toReversed());
  expect(await store.auditEntries.count({ organisation, failed: true }, 10)).toBe(FAILED.length);
});

it('the filter by failure reads the entries that failed, and not the rest of the chain', async () => {
  const queries = await explained(store.uri, failed);
  expect(queries).toMatchObject([{ index: 'failures' }]);
  expect(queries[0]?.documentsExamined).toBeLessThanOrEqual(FAILED.length + 1);
});
