import { createHmac } from 'node:crypto';
import {
  type AuditBreak,
  type AuditEntry,
  type AuditHead,
  breakBetween,
  nextEntry,
} from '../../src/domain/audit';

const authenticate = (text: string) => createHmac('sha256', 'key').update(text).digest('base64url');
const START = Date.parse('2026-11-22T12:00:00.000Z');
const DAY = 24 * 3_600_000;
const retentionMs = 10 * DAY;

/** A chain with an entry a day. */
function chain(length: number): AuditEntry[] {
  const entries: AuditEntry[] = [];
  for (let day = 0; day < length; day += 1) {
    const event = {
      id: `e${day}`,
      at: new Date(START + day * DAY).toISOString(),
      organisation: 'org',
      actor: 'key_1',
      action: 'PATCH /api/admin/accounts/{id}',
      details: { phase: 'asked', path: `/api/admin/accounts/acc_${day}`, members: ['label'] },
    };
    entries.push(nextEntry(event, entries.at(-1) ?? null, { retentionMs, authenticate }));
  }
  return entries;
}

/** The first break, as a walk over what is there finds it. */
function firstBreak(entries: readonly AuditEntry[], now = new Date(START)): AuditBreak | null {
  let before: AuditHead | null = null;
  for (const entry of entries.toSorted((a, b) => a.sequence - b.sequence)) {
    const found = breakBetween(before, entry, { authenticate, now });
    if (found !== null) return found;
    before = entry;
  }
  return null;
}

it('finds nothing wrong with a chain as it was written', () => {
  expect(firstBreak(chain(20))).toBeNull();
  expect(chain(3).map(({ sequence }) => sequence)).toEqual([1, 2, 3]);
});

it.each<[string, Partial<AuditEntry>]>([
  ['who', { actor: 'key_2' }],
  ['when', { at: '2026-11-22T12:00:00.001Z' }],
  ['what', { action: 'DELETE /api/admin/accounts/{id}' }],
  ['a detail', { details: { phase: 'asked', path: '/', members: [] } }],
  ['whose', { organisation: 'another' }],
  ['its id', { id: 'x' }],
  ['how long it is kept', { keptUntil: '2020-01-01T00:00:00.000Z' }],
  ['that nothing came before it', { previous: null }],
  ['what came before it', { previous: { hash: 'x', keptUntil: '2020-01-01T00:00:00.000Z' } }],
  ['its hash', { hash: 'x' }],
])('names the entry of which %s was changed', (_what, changed) => {
  const entries = chain(9).map((entry) =>
    entry.sequence === 5 ? { ...entry, ...changed } : entry,
  );
  expect(firstBreak(entries)).toMatchObject({ sequence: 5, kind: 'edited' });
});

it('does not take a hash that was made without the key', () => {
  const forge = { retentionMs, authenticate: (text: string) => authenticate(`${text} `) };
  const entries = chain(4);
  const [first, second] = entries;
  if (first === undefined || second === undefined) throw new Error('no chain');
  const forged = nextEntry({ ...second, actor: 'nobody' }, first, forge);
  expect(firstBreak([first, forged, ...entries.slice(2)])).toMatchObject({
    sequence: 2,
    kind: 'edited',
  });
});

it.each([1, 2, 7, 19])('names entry %i where it was taken out', (sequence) => {
  const entries = chain(20).filter((entry) => entry.sequence !== sequence);
  expect(firstBreak(entries)).toMatchObject({ sequence, kind: 'dropped' });
});

it.each([
  [3, 4],
  [1, 20],
  [7, 13],
])('names the first of entries %i and %i where they changed places', (a, b) => {
  const entries = chain(20).map((entry) => {
    if (entry.sequence === a) return { ...entry, sequence: b };
    return entry.sequence === b ? { ...entry, sequence: a } : entry;
  });
  expect(firstBreak(entries)).toMatchObject({ sequence: a, kind: 'reordered' });
});

it('finds an entry of another end of the same chain', () => {
  const [first, second, third] = chain(3);
  if (first === undefined || second === undefined || third === undefined) throw new Error('none');
  const other = nextEntry({ ...second, id: 'other' }, first, { retentionMs, authenticate });
  expect(firstBreak([first, other, third])).toMatchObject({ sequence: 3, kind: 'reordered' });
});

describe('retention', () => {
  // Entries 1 to 5 were made so long ago that their time is over.
  const now = new Date(START + 4 * DAY + retentionMs);

  it('may take away what is past its time, from the beginning on', () => {
    for (let gone = 1; gone <= 5; gone += 1)
      expect(firstBreak(chain(20).slice(gone), now)).toBeNull();
  });

  it('and nothing else', () => {
    expect(firstBreak(chain(20).slice(6), now)).toMatchObject({ sequence: 1, kind: 'dropped' });
    const entries = chain(20).filter(({ sequence }) => sequence < 3 || sequence > 9);
    expect(firstBreak(entries, now)).toMatchObject({ sequence: 3, kind: 'dropped' });
  });

  it('never ends earlier for an entry than for the one before it', () => {
    const [first] = chain(1);
    if (first === undefined) throw new Error('no chain');
    const shorter = nextEntry({ ...first, id: 'next' }, first, { retentionMs: 1, authenticate });
    expect(shorter.keptUntil).toBe(first.keptUntil);
  });
});
