/** The fold of the page Workers: the schedules of providers without accounts. */
import type { Schedule } from '../../src/temporal/schedule-client';
import { markup } from '../../src/ui/markup';
import { Workers, type WorkersView } from '../../src/ui/pages/workers';

const NOW = new Date('2026-11-30T12:00:00Z');

function row(
  provider: string,
  accounts: number | null,
  changes: Partial<Schedule> = {},
): WorkersView['schedules'][number] {
  return {
    accounts,
    lastSweep: null,
    open: [],
    schedule: {
      id: `sweep/${provider}`,
      provider,
      everyMs: 300_000,
      configuredEveryMs: 300_000,
      paused: false,
      note: null,
      overlap: 'skip',
      catchupWindowMs: 60_000,
      nextRunAt: NOW,
      lastRun: null,
      running: [],
      runsTotal: 0,
      runsMissed: 0,
      createdAt: NOW,
      updatedAt: null,
      ...changes,
    },
  };
}

/** The providers of the rows before the fold and in it. */
async function rowsOf(
  schedules: WorkersView['schedules'],
  mayOperate = true,
): Promise<{ shown: string[]; folded: string[] }> {
  const text = await markup(
    Workers({ workers: { alive: 1, schedules }, statistics: null, mayOperate }),
  );
  const [shown = '', folded = ''] = text.split('<details id="idle-schedules"');
  const ids = (part: string) =>
    [...part.matchAll(/<tr id="schedule-(\w+)"/g)].map(([, provider = '']) => provider);
  return { shown: ids(shown), folded: ids(folded) };
}

const IDLE = [row('notion', 0), row('slack', 0), row('zoom', 0)];

it('folds three providers without accounts', async () => {
  expect(await rowsOf([row('ebay', 2), ...IDLE])).toEqual({
    shown: ['ebay'],
    folded: ['notion', 'slack', 'zoom'],
  });
});

it.each([
  ['two providers without accounts', [row('ebay', 2), row('notion', 0), row('slack', 0)]],
  ['providers if none has accounts', IDLE],
  [
    'accounts that are not counted yet',
    [row('ebay', 2), ...IDLE.map((one) => ({ ...one, accounts: null }))],
  ],
])('folds nothing: %s', async (_case, schedules) => {
  expect(await rowsOf(schedules)).toEqual({
    shown: schedules.map(({ schedule }) => schedule.provider),
    folded: [],
  });
});

it('shows a paused schedule and one that is not configured, also without accounts', async () => {
  const schedules = [
    row('ebay', 2),
    row('etsy', 0, { paused: true, note: 'maintenance' }),
    row('gone', 0, { configuredEveryMs: null }),
    ...IDLE,
  ];
  expect((await rowsOf(schedules)).shown).toEqual(['ebay', 'etsy', 'gone']);
});

it('tells a caller without the scope operator nothing about the accounts of all organisations', async () => {
  expect((await rowsOf([row('ebay', 2), ...IDLE], false)).folded).toEqual([]);
});
