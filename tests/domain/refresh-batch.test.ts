import { addCounts, BATCH, inBatches, noCounts } from '../../src/domain/refresh-batch';

const due = (organisation: string, accountId: string) => ({
  accountId,
  organisation,
  environment: 'production',
  label: accountId,
});

it('issue 7.2 organisations take turns, each with its most urgent accounts first', () => {
  const listed = [due('large', 'l1'), due('large', 'l2'), due('large', 'l3'), due('small', 's1')];
  const ids = inBatches(listed).map((batch) => batch.map(({ accountId }) => accountId));
  expect(ids).toEqual([['l1', 's1', 'l2', 'l3']]);
});

it('issue 7.3 no batch is larger than it may be, and none is empty', () => {
  const listed = Array.from({ length: 2 * BATCH + 1 }, (_, n) => due('one', `${n}`));
  const batches = inBatches(listed);
  expect(batches.map(({ length }) => length)).toEqual([BATCH, BATCH, 1]);
  expect(batches.flat()).toEqual(listed);
  expect(inBatches([])).toEqual([]);
});

it('what batches came to adds up, failures by their codes', () => {
  const sum = noCounts();
  const one = { ...noCounts(), refreshed: 3, failed: 1, retrying: 1, failures: { a: 1 } };
  addCounts(sum, one);
  addCounts(sum, { ...one, left: 2, failures: { a: 1, b: 2 } });
  expect(sum).toEqual({
    refreshed: 6,
    failed: 2,
    needs_reconnect: 0,
    retrying: 2,
    in_flight: 0,
    skipped: 0,
    left: 2,
    failures: { a: 2, b: 2 },
  });
});
