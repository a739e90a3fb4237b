/** Sweeps, refreshes and their histories as the API reads them from Temporal. */
import { randomUUID } from 'node:crypto';
import { createWorkflowClient } from '../../src/temporal/workflow-client';
import { eventually } from '../support/eventually';
import { type Api, expectError, startApi } from './_api';

const MINUTE = 60_000;
const theirs = `org-${randomUUID()}`;

let api: Api;
let mine: { id: string; label: string };
let revoked: { id: string };
let foreign: { id: string };

/** One sweep over two accounts of the organisation, one of them revoked, and over one account of another organisation. */
beforeAll(async () => {
  api = await startApi();
  mine = await api.addAccount({ label: 'Harbour Books' });
  const bad = await api.addAccount({ label: 'Saffron' });
  api.sandbox.revoke(bad.plain.refreshToken);
  revoked = bad;
  foreign = await api.addAccount({ organisation: theirs });
  await api.post('/api/admin/internal/refresh-tokens', {});
  await eventually(async () => {
    const { items } = (await api.get('/api/admin/sweeps')).body;
    return items.length === 2 && items.every((one: any) => one.status === 'completed');
  });
});
afterAll(() => api.stop());

const workflowOf = (account: { id: string }) => `refresh-account/${account.id}`;
const historyPath = (id: string) => `/api/admin/workflows/${encodeURIComponent(id)}/history`;
const list = async (query = '') => (await api.get(`/api/admin/workflows${query}`)).body.items;

describe('the sweeps', () => {
  it('R2.4 have the summary of their cycle: refreshed n/n, failed n', async () => {
    const { items } = (await api.get('/api/admin/sweeps')).body;
    expect(items[0]).toMatchObject({
      workflow_id: 'sweep/ebay/triggered',
      run_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      provider: 'ebay',
      source: 'api',
      status: 'completed',
      result: {
        text: 'ebay: refreshed 2/3, failed 1 (1 to reconnect)',
        due: 3,
        refreshed: 2,
        failed: 1,
        needs_reconnect: 1,
        failures: { invalid_grant: 1 },
      },
      failure: null,
    });
    expect(items[0].duration_ms).toBeGreaterThan(0);
    expect(items[1]).toMatchObject({ source: 'scheduled', result: { due: 0 } });
  });

  it('R2.4 have the same summary in the last log line of a cycle', async () => {
    const line = await eventually(() =>
      api.harness.logs
        .filter((one) => one.includes('"sweep finished"'))
        .map((one) => JSON.parse(one))
        .find(({ due }) => due === 3),
    );
    expect(line).toMatchObject({
      summary: 'ebay: refreshed 2/3, failed 1 (1 to reconnect)',
      refreshed: 2,
      failed: 1,
    });
  });

  it('are listed page by page, newest first, each once', async () => {
    const first = (await api.get('/api/admin/sweeps?limit=1')).body;
    expect(first.items).toHaveLength(1);
    const second = (await api.get(`/api/admin/sweeps?limit=1&cursor=${first.next_cursor}`)).body;
    expect([...first.items, ...second.items]).toMatchObject([
      { source: 'api' },
      { source: 'scheduled' },
    ]);
  });

  it('are filtered by provider and status', async () => {
    for (const query of ['provider=etsy', 'status=running', 'provider=%22%20OR%20%22a%22=%22a'])
      expect((await api.get(`/api/admin/sweeps?${query}`)).body.items).toEqual([]);
    expect((await api.get('/api/admin/sweeps?status=completed')).body.items).toHaveLength(2);
  });

  it('show the reason if they have no result', async () => {
    const handle = await api.client.workflow.start('sweepWorkflow', {
      workflowId: `sweep/by-hand-${randomUUID()}`,
      taskQueue: 'evergrant',
      args: [],
    });
    await expect(handle.result()).rejects.toThrow('Workflow execution failed');
    const failed = await eventually(
      async () => (await api.get('/api/admin/sweeps?status=failed')).body.items[0],
    );
    expect(failed).toMatchObject({
      workflow_id: handle.workflowId,
      provider: null,
      result: null,
      failure: expect.stringMatching(/started without its input/),
    });
  });

  it.each([['eyJhIjoxfQ'], ['%20']])('refuse an invalid cursor: %s', async (cursor) => {
    expectError(await api.get(`/api/admin/sweeps?cursor=${cursor}`), 400, 'invalid_request');
  });
});

describe('the workflows', () => {
  it('are the refreshes of the accounts of the organisation, and the sweeps', async () => {
    const items = await list();
    const refreshes = items.filter((one: any) => one.type === 'refresh');
    expect(refreshes.map((one: any) => one.account_id).toSorted()).toEqual(
      [mine.id, revoked.id].toSorted(),
    );
    expect(items.some((one: any) => one.workflow_id === 'sweep/ebay/triggered')).toBe(true);
    expect(refreshes[0]).toMatchObject({
      provider: 'ebay',
      source: 'scheduled',
      status: 'completed',
    });
  });

  it('are filtered by account, outcome, source, status and provider', async () => {
    expect(await list(`?account_id=${mine.id}`)).toMatchObject([
      { workflow_id: workflowOf(mine), outcome: 'refreshed' },
    ]);
    expect(await list('?outcome=invalid_grant')).toMatchObject([{ account_id: revoked.id }]);
    expect(await list('?source=debug')).toEqual([]);
    expect(await list('?status=running')).toEqual([]);
    expect(await list('?provider=etsy')).toEqual([]);
    expect(await list('?provider=ebay&source=api')).toMatchObject([{ type: 'sweep' }]);
  });

  it('of another organisation are in no list, whatever the filters', async () => {
    const injected = encodeURIComponent(`x" OR EvergrantOrg = "${theirs}`);
    const tricks = [
      `?account_id=${foreign.id}`,
      `?outcome=${injected}`,
      `?account_id=${injected}`,
      `?outcome=${encodeURIComponent(`x\\" OR EvergrantOrg = "${theirs}`)}`,
      '?limit=500',
    ];
    for (const query of tricks)
      for (const { account_id } of await list(query)) expect(account_id).not.toBe(foreign.id);
    const key = await api.key(['read'], theirs);
    const own = await api.send('GET', '/api/admin/workflows', { key });
    expect(own.body.items.filter((one: any) => one.type === 'refresh')).toMatchObject([
      { account_id: foreign.id },
    ]);
  });
});

describe('the history of a workflow', () => {
  it('of a refresh has the steps, their activities and their attempts', async () => {
    const { body } = await api.get(historyPath(workflowOf(mine)));
    expect(body).toMatchObject({ type: 'refresh', status: 'completed', next_cursor: null });
    expect(body.items).toMatchObject([
      { type: 'WorkflowExecutionStarted', what: 'started' },
      {
        type: 'MarkerRecorded',
        what: 'Harbour Books: refresh (scheduled): refreshed',
        activity: 'refreshGrant',
        attempt: 1,
        failure: null,
      },
      { type: 'WorkflowExecutionCompleted', what: 'refreshed', failure: null },
    ]);
  });

  it('of a refusal says what to do', async () => {
    const { body } = await api.get(historyPath(workflowOf(revoked)));
    expect(body.items.at(-1)).toMatchObject({
      what: 'failed (invalid_grant)',
      failure: expect.stringMatching(/must reconnect the account/),
    });
  });

  it('of a waiting refresh has the time of the next attempt', async () => {
    const waiting = await api.addAccount({ expiresInMs: 10 * MINUTE });
    api.sandbox.script({ subject: waiting.id, times: 2, answer: { kind: 'unavailable' } });
    await api.post(`/api/admin/accounts/${waiting.id}/refresh`, { force: true });
    const { body } = await api.get(historyPath(workflowOf(waiting)));
    expect(body.status).toBe('running');
    const wait = body.items.findLast((one: any) => one.type === 'TimerStarted');
    expect(Date.parse(wait.next_retry_at)).toBeGreaterThan(Date.parse(wait.at));
    expect(body.items.some((one: any) => one.what === 'requested (api, forced)')).toBe(true);
    await api.client.workflow.getHandle(workflowOf(waiting)).terminate('enough');
    const { items } = (await api.get(historyPath(workflowOf(waiting)))).body;
    expect(items.at(-1)).toMatchObject({
      what: 'terminated by an operator',
      failure: 'enough',
    });
  });

  it('of a sweep names only accounts of the organisation', async () => {
    const { body, text } = await api.get(historyPath('sweep/ebay/triggered'));
    const said = body.items.map((one: any) => one.what);
    expect(said).toContain(`${workflowOf(mine)}: refreshed`);
    expect(said).toContain('3 due');
    expect(said.at(-1)).toBe('finished: ebay: refreshed 2/3, failed 1 (1 to reconnect)');
    expect(text).not.toContain(foreign.id);
  });

  it('is listed page by page', async () => {
    const path = historyPath(workflowOf(mine));
    const seen: string[] = [];
    let cursor = '';
    do {
      const { body } = await api.get(`${path}?limit=2${cursor}`);
      seen.push(...body.items.map((one: any) => one.type));
      cursor = body.next_cursor === null ? '' : `&cursor=${body.next_cursor}`;
    } while (cursor !== '');
    expect(seen).toHaveLength(3);
    expect(new Set(seen).size).toBe(3);
    expectError(await api.get(`${path}?cursor=x`), 400, 'invalid_request');
  });

  it('of an account of another organisation is not found, like an absent one', async () => {
    const absent = `refresh-account/acc_${'0'.repeat(24)}`;
    const told = await api.get(historyPath(workflowOf(foreign)));
    expectError(told, 404, 'not_found');
    expect(told.body.error.message.replace(workflowOf(foreign), absent)).toBe(
      (await api.get(historyPath(absent))).body.error.message,
    );
    const [run] = (
      await api.send('GET', '/api/admin/workflows', { key: await api.key(['read'], theirs) })
    ).body.items.filter((one: any) => one.type === 'refresh');
    for (const id of [workflowOf(foreign), workflowOf(mine)])
      expectError(await api.get(`${historyPath(id)}?run_id=${run.run_id}`), 404, 'not_found');
  });
});

describe('a batch of accounts that callers wait for', () => {
  /** Accounts with expired tokens. The first is refreshed alone, and the others in a batch. */
  async function ask(accounts: readonly { id: string }[]) {
    const key = await api.key(['tokens']);
    const answers = accounts.map(({ id }) => api.send('GET', `/api/tokens/${id}`, { key }));
    return async () => (await Promise.all(answers)).map(({ status }) => status);
  }
  const ended = (count: number) =>
    Promise.all(Array.from({ length: count }, () => api.addAccount({ expiresInMs: -1000 })));
  const batches = (query: string) =>
    eventually(async () => {
      const found = await list(`?type=batch${query}`);
      return found.length > 0 && found;
    });

  it('is found by its type, and its history has its result and names no account', async () => {
    const accounts = await ended(4);
    const answered = await ask(accounts);
    expect(await answered()).toEqual([200, 200, 200, 200]);
    const [batch] = await batches('&status=completed');
    expect(batch).toMatchObject({ account_id: null, source: 'api', attempts: null });
    const { body, text } = await api.get(historyPath(batch.workflow_id));
    expect(body).toMatchObject({ type: 'batch', status: 'completed' });
    expect(body.items.at(-1).what).toMatch(/^the batch is finished: [123] refreshed$/);
    expect(body.items.find((one: any) => one.type === 'ActivityTaskCompleted').what).toMatch(
      /^[123] refreshed, 0 remaining$/,
    );
    for (const { id } of accounts) expect(text).not.toContain(id);
    expect((await list()).some((one: any) => one.type === 'batch')).toBe(false);
  });

  it('cannot be terminated while it may hold grants that are not stored', async () => {
    const accounts = await ended(3);
    let release = () => {};
    const until = new Promise<void>((resolve) => {
      release = resolve;
    });
    for (const { id: subject } of accounts)
      api.sandbox.script({ subject, answer: { kind: 'normal', delayMs: MINUTE, until } });
    const answered = await ask(accounts);
    const isReceived = (id: string) =>
      api.sandbox.ledger.some(({ event, subject }) => event === 'received' && subject === id);
    await eventually(() => accounts.every(({ id }) => isReceived(id)));
    const [{ workflow_id }] = await batches('&status=running');
    const path = `/api/admin/workflows/${encodeURIComponent(workflow_id)}/terminate`;
    expectError(await api.post(path, { reason: 'enough' }), 409, 'conflict');
    release();
    expect(await answered()).toEqual([200, 200, 200]);
  });
});

describe('R1.10 terminating a workflow', () => {
  const terminate = (id: string, body: unknown, key = api.admin) =>
    api.send('POST', `/api/admin/workflows/${encodeURIComponent(id)}/terminate`, { key, body });

  /** A refresh that waits for its next attempt. */
  async function waiting(organisation = api.organisation) {
    const account = await api.addAccount({ organisation, expiresInMs: 10 * MINUTE });
    api.sandbox.script({ subject: account.id, times: 2, answer: { kind: 'unavailable' } });
    const key = await api.key(['admin'], organisation);
    await api.send('POST', `/api/admin/accounts/${account.id}/refresh`, {
      key,
      body: { force: true },
    });
    return account;
  }

  it('ends it, and its history has the reason and the caller', async () => {
    const id = workflowOf(await waiting());
    const { body } = await terminate(id, { reason: 'the shop asked for it' });
    expect(body).toMatchObject({ workflow_id: id, status: 'terminated' });
    const history = (await api.get(historyPath(id))).body;
    expect(history.status).toBe('terminated');
    expect(history.items.at(-1).failure).toMatch(/^the shop asked for it \(key [0-9a-f]+\)$/);
    expectError(await terminate(id, { reason: 'again' }), 409, 'conflict');
  });

  it('allows the next refresh of the account to succeed', async () => {
    const account = await waiting();
    await terminate(workflowOf(account), { reason: 'start anew' });
    api.sandbox.script({ subject: account.id, times: 0, answer: { kind: 'unavailable' } });
    const answer = await eventually(async () => {
      const { body } = await api.post(`/api/admin/accounts/${account.id}/refresh`, { force: true });
      return body.outcome === 'refreshed' && body;
    });
    expect(answer.outcome).toBe('refreshed');
  });

  it('needs a reason', async () => {
    for (const body of [{}, { reason: ' ' }, { reason: 'x', other: 1 }])
      expectError(await terminate(workflowOf(mine), body), 400, 'invalid_request');
  });

  it('of another organisation is not found, and the workflow continues', async () => {
    const id = workflowOf(await waiting(theirs));
    const absent = `refresh-account/acc_${'0'.repeat(24)}`;
    const [toForeign, toAbsent] = [
      await terminate(id, { reason: 'x' }),
      await terminate(absent, { reason: 'x' }),
    ];
    expectError(toForeign, 404, 'not_found');
    expect(toForeign.body.error.message.replace(id, absent)).toBe(toAbsent.body.error.message);
    const { status } = await api.client.workflow.getHandle(id).describe();
    expect(status.name).toBe('RUNNING');
    await api.client.workflow.getHandle(id).terminate();
  });
});

describe('the list', () => {
  it('R1.10 is filtered by type, and has the number of attempts of each refresh', async () => {
    const refreshes = await list(`?type=refresh&account_id=${mine.id}`);
    expect(refreshes).toMatchObject([{ type: 'refresh', attempts: 1 }]);
    const sweeps = await list('?type=sweep');
    expect(sweeps.every((one: any) => one.type === 'sweep' && one.attempts === null)).toBe(true);
    expect(sweeps).not.toHaveLength(0);
  });
});

it("links to Temporal's web UI if its address is configured", async () => {
  const path = historyPath('sweep/ebay/triggered');
  expect((await api.get(path)).body.temporal_ui_url).toBeNull();
  const workflows = createWorkflowClient(api.client, 'evergrant', 'https://temporal.example/');
  const { body } = await api.with({ workflows })('GET', path);
  expect(body.temporal_ui_url).toBe(
    `https://temporal.example/namespaces/${api.harness.namespace}/workflows/sweep%2Febay%2Ftriggered/${body.run_id}/history`,
  );
});
