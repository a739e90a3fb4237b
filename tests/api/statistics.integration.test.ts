/** Expiring tokens and finished attempts of one organisation, over time. */
import { randomUUID } from 'node:crypto';
import { refreshFailure } from '../../src/domain/refresh/refresh-failure';
import { entryOf } from '../store/_store';
import { type Api, startApi } from './_api';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

let api: Api;
beforeAll(async () => {
  api = await startApi({ worker: false });
});
afterAll(() => api.stop());

/** A new organisation, because counts are cached for some seconds. */
async function reader(organisation = `org-${randomUUID()}`) {
  const key = await api.key(['read'], organisation);
  const read = async (send = api.send) =>
    (await send('GET', '/api/admin/statistics', { key })).body;
  return { organisation, read };
}

async function attempt(organisation: string, ageMs: number, failed = false): Promise<void> {
  await api.store.logEntries.record(
    entryOf({
      organisation,
      created_at: new Date(Date.now() - ageMs).toISOString(),
      action: failed ? 'token_refresh_failed' : 'token_refreshed',
      error: failed ? refreshFailure('invalid_grant') : null,
      response: { status: failed ? 400 : 200, duration_ms: 200 },
    }),
  );
}

const totalOf = (pieces: { count: number }[]) => pieces.reduce((all, { count }) => all + count, 0);
const pieceAt = (pieces: any[], at: number) =>
  pieces.find(({ from, to }) => Date.parse(from) <= at && at < Date.parse(to));

it('R1.10 counts by hour for a day, and by month for a year, without a gap', async () => {
  const { read } = await reader();
  const body = await read();
  const [hour, month] = [body.access_tokens_ending, body.refresh_tokens_ending];
  expect([hour.length, month.length, body.attempts.length]).toEqual([24, 12, 24]);
  for (const pieces of [hour, month, body.attempts])
    expect(pieces.slice(1).map(({ from }: any) => from)).toEqual(
      pieces.slice(0, -1).map(({ to }: any) => to),
    );
  for (const pieces of [hour, month]) expect(pieces[0].from <= body.at).toBe(true);
  expect(body.attempts.at(-1).to > body.at).toBe(true);
  expect(month[0].from).toMatch(/-01T00:00:00.000Z$/);
});

it('R1.10 counts access tokens by the hour of their expiry, without expired and later ones', async () => {
  const { organisation, read } = await reader();
  for (const expiresInMs of [90 * MINUTE, -MINUTE, 25 * HOUR])
    await api.addAccount({ organisation, expiresInMs });
  const asked = Date.now();
  const { access_tokens_ending: pieces } = await read();
  expect(totalOf(pieces)).toBe(1);
  expect(pieceAt(pieces, asked + 90 * MINUTE).count).toBe(1);
});

it('R1.10 counts refresh tokens by the month of their expiry', async () => {
  const { organisation, read } = await reader();
  const { id } = await api.addAccount({ organisation });
  const end = new Date(Date.now() + 100 * 24 * HOUR);
  const account = await api.harness.account(id);
  await api.store.accounts.patch(
    organisation,
    id,
    { grant: { ...account.current, refreshTokenExpiresAt: end.toISOString() } },
    new Date(),
  );
  const { refresh_tokens_ending: pieces } = await read();
  expect(totalOf(pieces)).toBe(1);
  expect(pieceAt(pieces, end.getTime()).count).toBe(1);
});

it('R1.10 counts the outcomes of the attempts of each hour, with their durations', async () => {
  const { organisation, read } = await reader();
  await attempt(organisation, 2 * HOUR);
  await attempt(organisation, 2 * HOUR, true);
  await attempt(organisation, 30 * HOUR);
  const { attempts } = await read();
  expect(attempts.filter((one: any) => one.refreshed + one.failed > 0)).toHaveLength(1);
  const piece = pieceAt(attempts, Date.now() - 2 * HOUR);
  expect(piece).toMatchObject({ refreshed: 1, failed: 1 });
  expect(Math.abs(piece.p50_ms - 200)).toBeLessThan(21);
  expect(attempts[0]).toMatchObject({ refreshed: 0, failed: 0, p50_ms: null, p95_ms: null });
});

it('R1.10 counts nothing of another organisation', async () => {
  const { read } = await reader();
  const theirs = `org-${randomUUID()}`;
  await api.addAccount({ organisation: theirs, expiresInMs: HOUR });
  await attempt(theirs, MINUTE);
  const body = await read();
  expect(totalOf(body.access_tokens_ending)).toBe(0);
  expect(body.attempts.every((one: any) => one.refreshed + one.failed === 0)).toBe(true);
});

it('counts once for concurrent callers, and again after a failure', async () => {
  const { organisation, read } = await reader();
  let counted = 0;
  const broken = [true, false];
  const { accountSummaries } = api.store;
  const send = api.with({
    store: {
      ...api.store,
      accountSummaries: Object.assign(Object.create(accountSummaries), {
        of: (...query: Parameters<typeof accountSummaries.of>) => {
          counted += 1;
          if (broken.shift()) throw new Error('unreachable');
          return accountSummaries.of(...query);
        },
      }),
    },
  });
  await read(send);
  const first = await read(send);
  await api.addAccount({ organisation, expiresInMs: HOUR });
  expect(await Promise.all([read(send), read(send)])).toEqual([first, first]);
  expect(counted).toBe(2);
});
