import { createHmac } from 'node:crypto';
import {
  type AuditBreak,
  type AuditEntry,
  type AuditLink,
  checkEntry,
  nextEntry,
  storable,
} from '../../../src/domain/audit/audit';

const authenticate = (text: string) => createHmac('sha256', 'key').update(text).digest('base64url');
const START = Date.parse('2026-11-22T12:00:00.000Z');
const DAY = 24 * 3_600_000;
const retentionMs = 10 * DAY;

/** A chain with one entry per day. */
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

/** Returns all breaks that a check of the entries finds. */
function breaks(entries: readonly AuditEntry[], now = new Date(START)): AuditBreak[] {
  let before: AuditLink | null = null;
  const all: AuditBreak[] = [];
  for (const entry of entries.toSorted((a, b) => a.sequence - b.sequence)) {
    const checked = checkEntry(before, entry, { authenticate, now, findsMoved: true });
    if (checked.found !== null) all.push(checked.found);
    before = checked.link;
  }
  return all;
}

function firstBreak(entries: readonly AuditEntry[], now?: Date): AuditBreak | null {
  return breaks(entries, now)[0] ?? null;
}

it('finds no break in an unchanged chain', () => {
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
  ['its retention', { keptUntil: '2020-01-01T00:00:00.000Z' }],
  ['its missing predecessor', { previous: null }],
  ['its predecessor', { previous: { hash: 'x', keptUntil: '2020-01-01T00:00:00.000Z' } }],
  ['its hash', { hash: 'x' }],
])('names the entry if %s was changed', (_what, changed) => {
  const entries = chain(9).map((entry) =>
    entry.sequence === 5 ? { ...entry, ...changed } : entry,
  );
  expect(firstBreak(entries)).toMatchObject({ sequence: 5, kind: 'edited' });
});

it('rejects a hash that was made without the key', () => {
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

it.each([1, 2, 7, 19])('names entry %i if it was removed', (sequence) => {
  const entries = chain(20).filter((entry) => entry.sequence !== sequence);
  expect(firstBreak(entries)).toMatchObject({ sequence, kind: 'dropped' });
});

it.each([
  [3, 4],
  [1, 20],
  [7, 13],
])('names the first of entries %i and %i if they were swapped', (a, b) => {
  const entries = chain(20).map((entry) => {
    if (entry.sequence === a) return { ...entry, sequence: b };
    return entry.sequence === b ? { ...entry, sequence: a } : entry;
  });
  expect(firstBreak(entries)).toMatchObject({ sequence: a, kind: 'reordered' });
});

it('finds an entry of another branch of the same chain', () => {
  const [first, second, third] = chain(3);
  if (first === undefined || second === undefined || third === undefined) throw new Error('none');
  const other = nextEntry({ ...second, id: 'other' }, first, { retentionMs, authenticate });
  expect(firstBreak([first, other, third])).toMatchObject({ sequence: 3, kind: 'reordered' });
});

describe('retention', () => {
  // The retention of entries 1 to 5 is over.
  const now = new Date(START + 4 * DAY + retentionMs);

  it('allows the removal of entries whose retention is over, from the start of the chain', () => {
    for (let gone = 1; gone <= 5; gone += 1)
      expect(firstBreak(chain(20).slice(gone), now)).toBeNull();
  });

  it('forbids any other removal', () => {
    expect(firstBreak(chain(20).slice(6), now)).toMatchObject({ sequence: 1, kind: 'dropped' });
    const entries = chain(20).filter(({ sequence }) => sequence < 3 || sequence > 9);
    expect(firstBreak(entries, now)).toMatchObject({ sequence: 3, kind: 'dropped' });
  });

  it('never ends earlier for an entry than for the previous one', () => {
    const [first] = chain(1);
    if (first === undefined) throw new Error('no chain');
    const shorter = nextEntry({ ...first, id: 'next' }, first, { retentionMs: 1, authenticate });
    expect(shorter.keptUntil).toBe(first.keptUntil);
  });
});

describe('after a bad entry', () => {
  const places = (found: readonly AuditBreak[]) =>
    found.map(({ sequence, kind }) => [sequence, kind]);

  it('the check continues, and names each bad entry once', () => {
    const entries = chain(20)
      .filter(({ sequence }) => sequence !== 9 && sequence !== 10)
      .map((entry) =>
        [3, 4, 15].includes(entry.sequence) ? { ...entry, actor: 'nobody' } : entry,
      );
    expect(places(breaks(entries))).toEqual([
      [3, 'edited'],
      [4, 'edited'],
      [9, 'dropped'],
      [15, 'edited'],
    ]);
  });

  it.each([
    ['a text', { actor: 5 }],
    ['a time', { at: null }],
    ['an integer sequence', { sequence: 5.5 }],
    ['its details', { details: {} }],
  ])('the check continues if an entry lacks %s', (_what, members) => {
    const entries = chain(9).map((entry) =>
      entry.sequence === 5 ? ({ ...entry, ...members } as unknown as AuditEntry) : entry,
    );
    const found = breaks(entries);
    expect(found[0]).toMatchObject({ kind: expect.stringMatching(/^(edited|dropped)$/) });
    expect(found.every(({ sequence }) => sequence >= 5 && sequence < 7)).toBe(true);
  });

  it('the check names a second entry with the same sequence', () => {
    const entries = chain(5);
    const [, second] = entries;
    if (second === undefined) throw new Error('no chain');
    expect(places(breaks([...entries, second]))).toContainEqual([2, 'reordered']);
  });
});

describe('a text of any origin', () => {
  it.each<[string, string]>([
    ['half a surrogate pair', 'a\ud800b'],
    ['the other half', '\udfff'],
    ['NUL', 'a\u0000b'],
    ['an empty text', ''],
    ['a hundred thousand characters', 'x'.repeat(100_000)],
    ['a surrogate pair at the length limit', `${'x'.repeat(499)}\u{1f600}`],
  ])('is stored in a form that UTF-8 preserves: %s', (_what, text) => {
    const stored = storable(text);
    expect(Buffer.from(stored, 'utf8').toString('utf8')).toBe(stored);
    expect(stored).not.toContain('\u0000');
    expect(stored.length).toBeGreaterThan(0);
    expect(stored.length).toBeLessThanOrEqual(500);
    expect(storable(stored)).toBe(stored);
  });

  it('is unchanged if UTF-8 preserves it', () => {
    for (const text of ['key_1', 'jwt:Zoë 😀', 'oidc:auth0|5f7c8e'])
      expect(storable(text)).toBe(text);
  });

  it('is hashed in its stored form, and so are details that JSON changes', () => {
    const [first] = chain(1);
    if (first === undefined) throw new Error('no chain');
    const odd = {
      phase: 'asked',
      gone: undefined,
      count: Number.NaN,
    } as unknown as AuditEntry['details'];
    const event = { ...first, id: 'odd', actor: 'jwt:\ud800', details: odd };
    const entry = nextEntry(event, first, { retentionMs, authenticate });
    const back = JSON.parse(Buffer.from(JSON.stringify(entry), 'utf8').toString('utf8'));
    expect(breaks([first, back])).toEqual([]);
  });
});
