import { addCounts, inBatches, noCounts } from '../../../src/domain/refresh/refresh-batch';

const due = (organisation: string, accountId: string) => ({
  accountId,
  organisation,
  environment: 'production',
  label: accountId,
});

it('organisations alternate, each with its most urgent accounts first', () => {
  const listed = [due('large', 'l1'), due('large', 'l2'), due('large', 'l3'), due('small', 's1')];
  const ids = inBatches(listed, 500).map((batch) => batch.map(({ accountId }) => accountId));
  expect(ids).toEqual([['l1', 's1', 'l2', 'l3']]);
});

const many = (length: number) => Array.from({ length }, (_, n) => due('one', `${n}`));
const sizes = (batches: unknown[][]) => batches.map(({ length }) => length);

it('batches have about the same size, are never empty, and never exceed the maximum', () => {
  const listed = many(1_001);
  const batches = inBatches(listed, 500);
  expect(sizes(batches)).toEqual([334, 334, 333]);
  expect(batches.flat()).toEqual(listed);
  expect(sizes(inBatches(many(1_000), 500))).toEqual([500, 500]);
  expect(inBatches([], 500)).toEqual([]);
});

it('the counts of batches add up, with failures by code', () => {
  const sum = noCounts();
  const one = { ...noCounts(), refreshed: 3, failed: 1, retrying: 1, failures: { a: 1 } };
  addCounts(sum, one);
  addCounts(sum, { ...one, deferred: 2, failures: { a: 1, b: 2 } });
  expect(sum).toEqual({
    refreshed: 6,
    failed: 2,
    needs_reconnect: 0,
    retrying: 2,
    in_flight: 0,
    skipped: 0,
    deferred: 2,
    failures: { a: 2, b: 2 },
  });
});
