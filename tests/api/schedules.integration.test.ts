/** The schedules over the API, which shows them as Temporal holds them. Each test builds on the tests before it. */

import { eventually } from '../support/eventually';
import { temporalCommand } from '../temporal/_worker';
import { type Api, expectError, startApi } from './_api';

const PATH = `/api/admin/schedules/${encodeURIComponent('sweep/ebay')}`;
const ID = ['--schedule-id', 'sweep/ebay'];
const DAY_S = 24 * 3600;

let api: Api;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.stop());

const temporal = (...args: string[]) => temporalCommand(api.harness, ...args);
const described = () => temporal('schedule', 'describe', ...ID);
const listed = async () => (await api.get('/api/admin/schedules')).body.items;

it('shows the schedule of each provider as Temporal holds it', async () => {
  const [schedule, ...others] = await eventually(async () => {
    const items = await listed();
    return items[0]?.running.length === 0 && items;
  });
  expect(others).toEqual([]);
  expect(schedule).toMatchObject({
    id: 'sweep/ebay',
    provider: 'ebay',
    every_seconds: 30 * DAY_S,
    configured_every_seconds: 30 * DAY_S,
    paused: false,
    overlap: 'SKIP',
    runs_total: 1,
    running: [],
    last_run: { workflow_id: expect.stringMatching(/^sweep\/ebay-/) },
  });
  expect(Date.parse(schedule.next_run_at)).toBeGreaterThan(Date.now());
});

it('shows a schedule that was paused with the temporal command as paused, with its reason', async () => {
  await temporal('schedule', 'toggle', ...ID, '--pause', '--reason', 'eBay maintenance');
  expect(await listed()).toMatchObject([
    { paused: true, note: 'eBay maintenance', next_run_at: null },
  ]);
});

it('resumes a schedule, and the temporal command shows it', async () => {
  const answer = await api.post(`${PATH}/resume`, { note: 'eBay is back' });
  expect(answer).toMatchObject({ status: 200, body: { paused: false, note: 'eBay is back' } });
  expect(await described()).toMatch(/Notes +eBay is back[^]*Paused +false/);
});

it('pauses a schedule, and the temporal command shows it as paused, with the note', async () => {
  const answer = await api.post(`${PATH}/pause`, { note: 'audit' });
  expect(answer).toMatchObject({ status: 200, body: { paused: true, note: 'audit' } });
  expect(await described()).toMatch(/Notes +audit[^]*Paused +true/);
});

it('changes the interval, and keeps the pause and its note', async () => {
  const answer = await api.patch(PATH, { every: '5m' });
  expect(answer.body).toMatchObject({
    every_seconds: 300,
    configured_every_seconds: 30 * DAY_S,
    catchup_window_seconds: 300,
    paused: true,
    note: 'audit',
  });
  expect(await described()).toMatch(/Spec +\[{"every":"5m 0s"}\]/);
});

it('changes only the note, and keeps the interval', async () => {
  const answer = await api.patch(PATH, { note: 'audit, second week' });
  expect(answer.body).toMatchObject({
    every_seconds: 300,
    paused: true,
    note: 'audit, second week',
  });
});

it('a change by the API survives a restart of the worker', async () => {
  const worker = await api.harness.startWorker();
  expect(worker.schedules).toEqual([
    { scheduleId: 'sweep/ebay', everyMs: 300_000, paused: true, note: 'audit, second week' },
  ]);
  expect(await listed()).toMatchObject([{ every_seconds: 300, paused: true }]);
});

it('triggers a run of a paused schedule that the API lists, and keeps the note', async () => {
  const { body: before } = await api.get('/api/admin/sweeps');
  const answer = await api.post(`${PATH}/trigger`, { note: 'after the incident' });
  expect(answer).toMatchObject({
    status: 200,
    body: { paused: true, note: 'audit, second week' },
  });
  const items = await eventually(async () => {
    const now = (await api.get('/api/admin/sweeps?provider=ebay')).body.items;
    return (
      now.length > before.items.length && now.every((one: any) => one.status === 'completed') && now
    );
  });
  expect(items[0]).toMatchObject({
    provider: 'ebay',
    source: 'scheduled',
    result: { text: 'ebay: nothing was due', due: 0 },
  });
  expect(api.logs.some((line) => line.includes('after the incident'))).toBe(true);
});

it('names the caller that pauses a schedule without a note', async () => {
  const { body } = await api.send('POST', `${PATH}/pause`);
  expect(body.note).toMatch(/^paused by key [0-9a-f]+$/);
});

it.each([
  ['nothing', {}],
  ['an invalid interval', { every: 'banana' }],
  ['an interval below a second', { every: '10ms' }],
  ['an interval of half seconds', { every: '1500ms' }],
  ['an empty note', { note: ' ' }],
  ['another member', { every: '5m', paused: true }],
])('refuses %s', async (_what, body) => {
  expectError(await api.patch(PATH, body), 400, 'invalid_request');
});

it('finds no unknown schedule, and no schedule that Evergrant did not create', async () => {
  await temporal(
    ...'schedule create --schedule-id nightly --interval 24h --paused'.split(' '),
    ...'--workflow-id nightly --type other --task-queue other'.split(' '),
  );
  for (const id of ['sweep/none', 'nightly', 'ebay', '%']) {
    const path = `/api/admin/schedules/${encodeURIComponent(id)}`;
    for (const action of ['pause', 'resume', 'trigger'])
      expectError(await api.post(`${path}/${action}`, { note: 'x' }), 404, 'not_found');
    expectError(await api.patch(path, { every: '5m' }), 404, 'not_found');
    expectError(await api.send('DELETE', path), 404, 'not_found');
  }
  expect(await listed()).toHaveLength(1);
});

it('shows, pauses and deletes the schedule of a provider that is no longer configured', async () => {
  await temporal(
    ...'schedule create --schedule-id sweep/gone --interval 24h'.split(' '),
    ...'--workflow-id sweep/gone --type sweepWorkflow --task-queue evergrant'.split(' '),
  );
  await eventually(async () => (await listed()).length === 2);
  expect((await listed())[1]).toMatchObject({ id: 'sweep/gone', configured_every_seconds: null });
  const path = `/api/admin/schedules/${encodeURIComponent('sweep/gone')}`;
  expectError(await api.patch(path, { every: '5m' }), 404, 'unknown_provider');
  expect((await api.post(`${path}/pause`, { note: 'gone' })).body).toMatchObject({ paused: true });
  for (const action of ['resume', 'trigger']) {
    const refused = await api.post(`${path}/${action}`, { note: 'x' });
    expectError(refused, 404, 'unknown_provider');
    expect(refused.body.error.message).toContain('can only be paused or deleted');
  }
  expect((await api.send('DELETE', path)).status).toBe(204);
  expect(await listed()).toMatchObject([{ id: 'sweep/ebay' }]);
  expectError(await api.send('DELETE', path), 404, 'not_found');
  const { body } = await api.get('/api/admin/audit?chain=operator&limit=20');
  expect(body.items.map(({ action }: { action: string }) => action)).toContain(
    'DELETE /api/admin/schedules/{schedule_id}',
  );
});

it('does not delete the schedule of a configured provider, and says what to do', async () => {
  const refused = await api.send('DELETE', PATH);
  expectError(refused, 409, 'conflict');
  expect(refused.body.error.message).toMatch(/"ebay" is configured.*Pause the schedule/);
  expect(await listed()).toMatchObject([{ id: 'sweep/ebay' }]);
});

it('shows the schedules to a caller with "read", who cannot change them', async () => {
  const key = await api.key(['read'], 'org-of-a-reader');
  expect((await api.send('GET', '/api/admin/schedules', { key })).status).toBe(200);
  const pause = { key, body: { note: 'x' } };
  expectError(await api.send('POST', `${PATH}/pause`, pause), 403, 'forbidden');
});
