/** The cache of reads: entries live five seconds, and at most ten thousand are kept. */
import { RecentReads } from '../../src/services/recent-reads';

const at = (ms: number) => new Date(ms);

it('the cache drops the oldest of too many entries', () => {
  const reads = new RecentReads<{ readAt: Date }>();
  for (let index = 0; index <= 10_000; index += 1)
    reads.set(`key ${index}`, { readAt: at(1_000) }, at(1_000));
  expect(reads.get('key 0', at(1_000))).toBeUndefined();
  expect(reads.get('key 1', at(1_000))).toEqual({ readAt: at(1_000) });
  expect(reads.get('key 10000', at(1_000))).toEqual({ readAt: at(1_000) });
});

it('an entry expires by the start of its read, even if the clock is set back', () => {
  const reads = new RecentReads<{ readAt: Date }>();
  reads.set('key', { readAt: at(1_000) }, at(4_000));
  expect(reads.get('key', at(5_999))).toEqual({ readAt: at(1_000) });
  expect(reads.get('key', at(6_000))).toBeUndefined();
  expect(reads.get('key', at(999))).toBeUndefined();
});
