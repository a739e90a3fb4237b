/** The schedule as an operator handles it with `temporal`, over restarts of the worker. The tests follow each other. */
import { cleanUp, type EvergrantProcess, START_MS } from '../start/_evergrant';
import { eventually } from '../support/eventually';
import { type Harness, startHarness } from '../support/harness';
import { startWorkerProcess, temporalCommand, temporalJson } from './_worker';

const ID = ['--schedule-id', 'sweep/ebay'];
/** The command of docs/operations.md: `temporal schedule update` removes every setting that is not given again. */
const UPDATE = words(
  'schedule update --schedule-id sweep/ebay --type sweepWorkflow --task-queue evergrant',
  '--workflow-id sweep/ebay --input {"provider":"ebay"} --overlap-policy Skip',
  '--search-attribute EvergrantProvider="ebay" --search-attribute EvergrantSource="scheduled"',
);

function words(...lines: string[]): string[] {
  return lines.join(' ').split(' ');
}

let h: Harness;
let worker: EvergrantProcess;
/** Upper bound, in ms, on the tests that must see only the runs that they request. */
const CLEAR_MS = 40_000;
/** Waits if an interval, counted from 1970, is about to end: the schedule would run unrequested. */
async function noRunByTheClockSoon(...minutes: number[]): Promise<void> {
  const left = (every: number) => every - (Date.now() % every);
  await eventually(() => minutes.every((one) => left(one * 60_000) > CLEAR_MS), START_MS);
}

beforeAll(async () => {
  h = await startHarness({ worker: false });
  await noRunByTheClockSoon(10);
  worker = await startWorkerProcess(h);
}, 3 * START_MS);
afterAll(async () => {
  await cleanUp();
  await h?.stop();
}, START_MS);

const temporal = (...args: string[]) => temporalCommand(h, ...args);
const describeSchedule = () => temporal('schedule', 'describe', ...ID);
const sweeps = async (): Promise<number> =>
  (await temporalJson(h, 'workflow', 'list', '--query', 'WorkflowType="sweepWorkflow"')).length;
const heartbeats = async () =>
  (await h.store.logEntries.list({ organisation: 'default', limit: 500 })).filter(
    ({ action }) => action === 'worker_heartbeat',
  ).length;

async function restart(policy: Record<string, string> = {}, provider = 'ebay'): Promise<void> {
  worker.signal('SIGTERM');
  expect(await worker.exited).toMatchObject({ code: 0 });
  worker = await startWorkerProcess(h, policy, provider);
}

it('R0.1 temporal schedule list and describe show a sweep every 10 minutes, overlap Skip and the catch-up of one missed run', async () => {
  await eventually(async () => /sweep\/ebay/.test(await temporal('schedule', 'list')));
  const [listed, ...others] = await temporalJson(h, 'schedule', 'list');
  expect(others).toEqual([]);
  expect(listed).toMatchObject({
    scheduleId: 'sweep/ebay',
    info: { spec: { interval: [{ interval: '600s' }] } },
  });
  const text = await describeSchedule();
  expect(text).toMatch(/Spec +\[{"every":"10m 0s"}\]/);
  expect(text).toMatch(/OverlapPolicy +Skip/);
  expect(text).toMatch(/CatchupWindow +10m 0s/);
  expect(text).toMatch(/Paused +false/);
});

it('R2.1 R0.5 the start triggers one sweep, which logs a heartbeat because nothing is due', async () => {
  await eventually(async () => (await heartbeats()) === 1);
  expect(await sweeps()).toBe(1);
  const [entry] = await h.store.logEntries.list({ organisation: 'anyone', limit: 10 });
  expect(entry).toMatchObject({
    action: 'worker_heartbeat',
    source: 'scheduled',
    provider: 'ebay',
    account_id: null,
  });
});

it('a pause and its reason survive a restart, which then triggers no sweep', async () => {
  await temporal('schedule', 'toggle', ...ID, '--pause', '--reason', 'eBay maintenance');
  await restart();
  expect(await worker.logged(/stays paused/)).toMatchObject({
    msg: 'schedule sweep/ebay stays paused ("eBay maintenance")',
  });
  expect(await describeSchedule()).toMatch(/Notes +eBay maintenance[^]*Paused +true/);
  // A schedule runs in order: a run that the restart had triggered would be counted here.
  await temporal('schedule', 'trigger', ...ID);
  await eventually(async () => (await heartbeats()) === 2);
  expect(await describeSchedule()).toMatch(/ActionCounts +{"Total":2,/);
});

it('a trigger runs one sweep even on a paused schedule, and the next start triggers one on a resumed schedule', async () => {
  expect(await sweeps()).toBe(2);
  await noRunByTheClockSoon(10, 5, 7);
  await temporal('schedule', 'toggle', ...ID, '--unpause', '--reason', 'eBay is back');
  expect(await describeSchedule()).toMatch(/Notes +eBay is back[^]*Paused +false/);
  await restart();
  await eventually(async () => (await heartbeats()) === 3);
});

it('an interval that an operator sets survives a restart, and sweeps continue', async () => {
  await temporal(...UPDATE, '--interval', '5m', '--catchup-window', '5m', '--notes', 'busy season');
  await restart();
  expect(worker.stdout()).not.toMatch(/restored|updated/);
  const text = await describeSchedule();
  expect(text).toMatch(/Spec +\[{"every":"5m 0s"}\]/);
  expect(text).toMatch(/CatchupWindow +5m 0s/);
  expect(text).toMatch(/Notes +busy season/);
  await eventually(async () => (await heartbeats()) === 4);
});

it('an update that drops the action is corrected at the next start, which keeps the new interval', async () => {
  await temporal(
    ...words('schedule update --schedule-id sweep/ebay --interval 7m'),
    ...words('--type sweepWorkflow --task-queue evergrant --notes hurry'),
  );
  await restart();
  await worker.logged(/its action had been changed, and was restored/);
  const text = await describeSchedule();
  expect(text).toMatch(/Spec +\[{"every":"7m 0s"}\]/);
  expect(text).toMatch(/Notes +hurry/);
  expect(text).toMatch(/"ID":"sweep\/ebay"/);
  await eventually(async () => (await heartbeats()) === 5);
});

it('a changed interval in the configuration updates the schedule once, and keeps a pause and its note', async () => {
  await temporal('schedule', 'toggle', ...ID, '--pause', '--reason', 'audit');
  await restart({ sweepEvery: '15m' });
  await worker.logged(/^schedule sweep\/ebay updated from the configuration: every 15 min$/);
  const text = await describeSchedule();
  expect(text).toMatch(/Spec +\[{"every":"15m 0s"}\]/);
  expect(text).toMatch(/CatchupWindow +15m 0s/);
  expect(text).toMatch(/Notes +audit[^]*Paused +true/);

  await temporal(...UPDATE, ...words('--interval 6m --catchup-window 6m --paused --notes audit'));
  await restart({ sweepEvery: '15m' });
  expect(worker.stdout()).not.toMatch(/updated from the configuration/);
  expect(await describeSchedule()).toMatch(/Notes +audit[^]*Paused +true/);
  expect(await describeSchedule()).toMatch(/Spec +\[{"every":"6m 0s"}\]/);
});

it('a deleted schedule is created again at the next start, as configured', async () => {
  await noRunByTheClockSoon(15);
  await temporal('schedule', 'delete', ...ID);
  const before = await heartbeats();
  await restart({ sweepEvery: '15m' });
  await worker.logged(/^schedules created: sweep\/ebay every 15 min$/);
  expect(await describeSchedule()).toMatch(/Spec +\[{"every":"15m 0s"}\][^]*Paused +false/);
  await eventually(async () => (await heartbeats()) === before + 1);
});

it('a schedule that was created with another database takes the configured interval', async () => {
  await h.store.settings.recordAppliedSchedule('sweep/ebay', '{"every_ms":60000}');
  await restart();
  await worker.logged(/^schedule sweep\/ebay updated from the configuration: every 10 min$/);
  expect(await describeSchedule()).toMatch(/Spec +\[{"every":"10m 0s"}\]/);
});

describe('a schedule whose provider is not configured', () => {
  it('is paused at start, with the reason in its note and the remedy in the log', async () => {
    await restart({}, 'other-shop');
    await worker.logged(
      /^schedule sweep\/ebay paused: the provider "ebay" is not configured\. .*evergrant schedules delete ebay$/,
    );
    expect(await describeSchedule()).toMatch(
      /Notes +Paused at start: the provider is not configured\.[^]*Paused +true/,
    );
  });

  it('ends a triggered sweep with one plain line', async () => {
    const line = await eventually(async () => {
      // A trigger is skipped while a sweep of the schedule runs, such as one of the previous worker.
      await temporal('schedule', 'trigger', ...ID);
      return worker.lines().find(({ summary }) => summary?.startsWith('ebay: not swept.'));
    });
    expect(line).toMatchObject({
      level: 'warn',
      msg: 'sweep finished',
      provider: 'ebay',
      summary: expect.stringMatching(/No provider "ebay" is configured\. Add it/),
    });
    // At the default level, an operator sees no stack. The level `debug` shows why the activity ended.
    const shown = worker.lines().filter(({ level }) => level !== 'debug');
    const about = shown.filter((one) => JSON.stringify(one).includes('sweep/ebay'));
    expect(about.filter((one) => JSON.stringify(one).includes('"at":['))).toEqual([]);
    const detail = worker.lines().find(({ msg }) => msg === 'Activity failed');
    expect(detail).toMatchObject({ level: 'debug', error: { name: 'ApplicationFailure' } });
    const failed = shown.filter(({ msg }) => /^(?:Workflow|Activity) failed/.test(msg));
    expect(failed.filter(({ workflowType }) => workflowType === 'sweepWorkflow')).toEqual([]);
  });

  it('is resumed at start once its provider is configured again', async () => {
    await restart();
    await worker.logged(/^schedule sweep\/ebay resumed: its provider is configured again$/);
    expect(await describeSchedule()).toMatch(
      /Notes +Resumed at start: the provider is configured again\.[^]*Paused +false/,
    );
    expect(await temporal('schedule', 'describe', '--schedule-id', 'sweep/other-shop')).toMatch(
      /Paused +true/,
    );
  });

  it('is resumed even if its interval has changed meanwhile', async () => {
    await restart({}, 'other-shop');
    expect(await describeSchedule()).toMatch(/Paused +true/);
    await restart({ sweepEvery: '7m' });
    await worker.logged(/^schedule sweep\/ebay updated from the configuration: every 7 min$/);
    const text = await describeSchedule();
    expect(text).toMatch(/Spec +\[{"every":"7m 0s"}\]/);
    expect(text).toMatch(/Notes +Resumed at start[^]*Paused +false/);
  });

  it('stays paused if an operator paused it', async () => {
    await temporal('schedule', 'toggle', ...ID, '--pause', '--reason', 'audit');
    await restart({}, 'other-shop');
    expect(await describeSchedule()).toMatch(/Notes +audit[^]*Paused +true/);
    await restart();
    await worker.logged(/^schedule sweep\/ebay stays paused \("audit"\)$/);
    expect(await describeSchedule()).toMatch(/Notes +audit[^]*Paused +true/);
  });
});
