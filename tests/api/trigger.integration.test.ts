/** R0.2, the internal trigger: starts sweeps at once, and responds with the started workflows. */
import { ConfiguredProviders } from '../../src/providers/config/configured-providers';
import { registerSearchAttributes } from '../../src/temporal/register-search-attributes';
import { eventually } from '../support/eventually';
import { type Api, expectError, startApi } from './_api';

let api: Api;
let internal: string;

/** There is no worker at first, so that started sweeps keep running until a test starts one. */
beforeAll(async () => {
  api = await startApi({ worker: false });
  await registerSearchAttributes(api.client.connection, api.harness.namespace);
  internal = await api.key(['internal']);
});
afterAll(() => api.stop());

const trigger = (body?: unknown) =>
  api.send('POST', '/api/admin/internal/refresh-tokens', {
    key: null,
    headers: { 'x-internal-api-key': internal },
    body,
  });
const sweep = ({ workflow_id, run_id }: { workflow_id: string; run_id: string }) =>
  api.client.workflow.getHandle(workflow_id, run_id);

it('R0.2 responds with the started workflow, in exactly these members', async () => {
  const answer = await trigger();
  expect({ status: answer.status, body: answer.body }).toEqual({
    status: 200,
    body: {
      started: [
        { provider: 'ebay', workflow_id: 'sweep/ebay/triggered', run_id: expect.any(String) },
      ],
    },
  });
  const [started] = answer.body.started;
  expect((await sweep(started).describe()).status.name).toBe('RUNNING');
});

it('R0.2 responds with the same run while it runs, also for concurrent callers and a bearer key', async () => {
  const first = await trigger();
  const again = await Promise.all(Array.from({ length: 5 }, () => trigger({ provider: 'ebay' })));
  const byBearer = await api.send('POST', '/api/admin/internal/refresh-tokens', { key: internal });
  for (const { body } of [...again, byBearer]) expect(body).toEqual(first.body);
});

it('R0.2 starts nothing for a provider that is not configured', async () => {
  expectError(await trigger({ provider: 'etsy' }), 404, 'unknown_provider');
});

it.each([{ provider: 7 }, { providers: ['ebay'] }, { provider: 'ebay', force: true }])(
  'refuses the body %j',
  async (body) => {
    expectError(await trigger(body), 400, 'invalid_request');
  },
);

it('R0.2 starts a sweep of every configured provider if none is named', async () => {
  const [ebay] = api.harness.config.providers;
  if (ebay === undefined) throw new Error('the harness has a provider');
  const providers = new ConfiguredProviders([ebay, { ...ebay, id: 'ebay-uk' }]);
  const answer = await api.with({ providers })('POST', '/api/admin/internal/refresh-tokens');
  const { started } = answer.body;
  expect(started.map(({ provider }: { provider: string }) => provider)).toEqual([
    'ebay',
    'ebay-uk',
  ]);
  await sweep(started[1]).terminate();
});

it('R0.2 runs the same workflow as the schedule, which refreshes due accounts of every organisation', async () => {
  const [waiting] = (await trigger()).body.started;
  await api.harness.startWorker();
  expect(await sweep(waiting).result()).toMatchObject({ provider: 'ebay', due: 0 });
  // With two heartbeats, the sweep of the worker's start has ended as well.
  await eventually(async () => {
    const query = { organisation: 'anyone', action: 'worker_heartbeat', limit: 2 } as const;
    return (await api.store.logEntries.list(query)).length === 2;
  });

  const accounts = [await api.addAccount(), await api.addAccount({ organisation: 'another' })];
  const fresh = await api.addAccount({ expiresInMs: 3600_000, refreshedAgoMs: 0 });
  const [started] = (await trigger()).body.started;

  expect(started.run_id).not.toBe(waiting.run_id);
  expect(await sweep(started).result()).toMatchObject({ due: 2, refreshed: 2, failed: 0 });
  for (const { id } of accounts) {
    expect(await api.harness.account(id)).toMatchObject({ generation: 2 });
    expect(await api.harness.entries(id)).toEqual([
      expect.objectContaining({ source: 'scheduled', action: 'token_refreshed' }),
    ]);
  }
  expect(await api.harness.account(fresh.id)).toMatchObject({ generation: 1 });
});

it('no response and no log line contains a token', () => {
  expect(api.leaks()).toEqual([]);
});
