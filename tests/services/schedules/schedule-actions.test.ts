import {
  deleteSchedule,
  pauseSchedule,
  resumeSchedule,
  type ScheduleCaller,
  setSchedule,
  triggerSchedule,
} from '../../../src/services/schedules/schedule-actions';
import type { Schedule } from '../../../src/temporal/schedule-client';

const NAME = 'key 4f7f1a526d0b4a55';
const who = { keyId: '4f7f1a526d0b4a55', organisation: 'org-of-operators' };
const api: ScheduleCaller = { ...who, through: 'api' };
const page: ScheduleCaller = { ...who, through: 'page' };

/** Records what Temporal is asked for and what is logged. */
function recorded(refusal?: Error) {
  const asked: unknown[][] = [];
  const logged: [object, string][] = [];
  const recording =
    (name: string) =>
    async (...args: unknown[]) => {
      if (refusal) throw refusal;
      asked.push([name, ...args]);
      return { id: args[0] } as Schedule;
    };
  const deps = {
    schedules: {
      pause: recording('pause'),
      resume: recording('resume'),
      trigger: recording('trigger'),
      change: recording('change'),
      delete: async (id: string) => void (await recording('delete')(id)),
    },
    logger: { info: (fields: object, message: string) => void logged.push([fields, message]) },
  };
  return { deps: deps as Parameters<typeof pauseSchedule>[0], asked, logged };
}

describe.each([
  ['pause', pauseSchedule],
  ['resume', resumeSchedule],
] as const)('the note of a %s', (action, act) => {
  const unexplained = `${action}d by ${NAME}`;

  it.each([
    ['is stored by the API as it was sent', api, 'eBay maintenance', 'eBay maintenance'],
    ['is stored by a page with the name of its author', page, 'audit', `audit (${NAME})`],
    ['names the caller of the API if it sends none', api, undefined, unexplained],
    ['names the person on the page who gives none', page, '', unexplained],
    ['counts as none if it is blank', page, '  ', unexplained],
  ])('%s', async (_title, caller, note, kept) => {
    const { deps, asked } = recorded();
    await act(deps, 'sweep/ebay', note, caller);
    expect(asked).toEqual([[action, 'sweep/ebay', kept]]);
  });

  it('names the bearer of a JWT by its subject', async () => {
    const { deps, asked } = recorded();
    await act(deps, 'sweep/ebay', undefined, { ...api, keyId: 'jwt:alma' });
    expect(asked).toEqual([[action, 'sweep/ebay', `${action}d by jwt:alma`]]);
  });
});

it('a changed interval keeps the note if none is given', async () => {
  const { deps, asked } = recorded();
  await setSchedule(deps, 'sweep/ebay', { everyMs: 300_000, note: '' }, page);
  expect(asked).toEqual([['change', 'sweep/ebay', { everyMs: 300_000, note: undefined }]]);
});

it('a changed note follows the rule of pauses', async () => {
  const { deps, asked } = recorded();
  await setSchedule(deps, 'sweep/ebay', { everyMs: undefined, note: 'second week' }, page);
  await setSchedule(deps, 'sweep/ebay', { everyMs: undefined, note: 'third week' }, api);
  expect(asked).toEqual([
    ['change', 'sweep/ebay', { everyMs: undefined, note: `second week (${NAME})` }],
    ['change', 'sweep/ebay', { everyMs: undefined, note: 'third week' }],
  ]);
});

it('each action is logged once, with its caller, interface and note', async () => {
  const { deps, logged } = recorded();
  await pauseSchedule(deps, 'sweep/ebay', 'audit', page);
  await resumeSchedule(deps, 'sweep/ebay', undefined, api);
  await triggerSchedule(deps, 'sweep/ebay', 'after the incident', api);
  await setSchedule(deps, 'sweep/ebay', { everyMs: 60_000, note: undefined }, page);
  await deleteSchedule(deps, 'sweep/ebay', page);
  const ebay = { schedule_id: 'sweep/ebay', key_id: who.keyId, organisation: who.organisation };
  expect(logged).toEqual([
    [{ ...ebay, through: 'page', note: 'audit' }, 'schedule paused'],
    [{ ...ebay, through: 'api', note: null }, 'schedule resumed'],
    [{ ...ebay, through: 'api', note: 'after the incident' }, 'schedule triggered'],
    [{ ...ebay, through: 'page', every_ms: 60_000, note: null }, 'schedule changed'],
    [{ ...ebay, through: 'page', note: null }, 'schedule deleted'],
  ]);
});

it('an action that Temporal refuses is not logged as done', async () => {
  const { deps, logged } = recorded(new Error('no such schedule'));
  await expect(pauseSchedule(deps, 'sweep/none', 'x', api)).rejects.toThrow('no such schedule');
  await expect(deleteSchedule(deps, 'sweep/none', api)).rejects.toThrow('no such schedule');
  expect(logged).toEqual([]);
});
