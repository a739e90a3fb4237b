/** Many uses at once: one request at the provider, and a complete record of who was handed what. */

import { performance } from 'node:perf_hooks';
import type { AuditLog } from '../../src/api/audit-log';
import { createHandoutLog } from '../../src/api/handout-log';
import { createRefreshClient } from '../../src/api/refresh-client';
import { serveApi } from '../../src/api/serve';
import type { AuditEntry } from '../../src/domain/audit';
import { createLogger } from '../../src/logging';
import type { TokenHandout, TokenHandouts } from '../../src/store/token-handouts';
import { eventually } from '../support/eventually';
import { type Api, expectError, startApi } from './_api';

let api: Api;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.stop());

const handoutsOf = (id: string, query = '') =>
  api.get(`/api/admin/accounts/${id}/token-handouts${query}`);
const hour = { expiresInMs: 60 * 60_000, refreshedAgoMs: 0 };

it('R3.1 R4.4 1,000 uses of one expired account in two API processes are one request at the provider, and all are answered', async () => {
  const { id } = await api.addAccount({ expiresInMs: -60_000 });
  const process = () =>
    api.with({
      refreshes: createRefreshClient(api.client, api.harness.config.temporal.taskQueue, api.store),
    });
  const processes = [process(), process()];
  const key = await api.key(['tokens']);
  const began = performance.now();
  const answers = await Promise.all(
    Array.from({ length: 1_000 }, (_, index) =>
      // eslint-disable-next-line typescript/no-non-null-assertion
      processes[index % 2]!('GET', `/api/tokens/${id}?min_valid_seconds=60`, { key }),
    ),
  );
  const tookMs = performance.now() - began;

  expect(answers.every(({ status, body }) => status === 200 && body.active === true)).toBe(true);
  const [accessToken, ...others] = new Set(answers.map(({ body }) => body.access_token));
  expect(others).toEqual([]);
  expect(api.sandbox.isAccessTokenActive(accessToken)).toBe(true);
  const received = api.sandbox.ledger.filter(
    (entry) => entry.event === 'received' && entry.subject === id,
  );
  expect(received).toHaveLength(1);
  expect(tookMs).toBeLessThan(60_000);

  await api.handouts.flush();
  const rows: any[] = [];
  for (let next: string | null = ''; next !== null; ) {
    const query: string = next === '' ? '' : `&before=${next}`;
    const { body } = await handoutsOf(id, `?limit=300${query}`);
    rows.push(...body.items);
    next = body.next_cursor;
  }
  expect(rows).toHaveLength(1_000);
  expect(new Set(rows.map((row) => row.id)).size).toBe(1_000);
  expect(new Set(rows.map((row) => row.request_id))).toEqual(
    new Set(answers.map(({ headers }) => headers.get('x-request-id'))),
  );
  const [, keyId = ''] = /^evg_([0-9a-f]{16})_/.exec(key) ?? [];
  const account = await api.harness.account(id);
  for (const row of rows) {
    expect(row).toMatchObject({
      account_id: id,
      key_id: keyId,
      generation: 2,
      access_token_fingerprint: account.current.accessTokenFingerprint,
    });
    expect(row.remaining_seconds).toBeGreaterThan(7_000);
  }
  const times = rows.map((row) => Date.parse(row.at));
  expect(times).toEqual(times.toSorted((one, other) => other - one));
  expect(JSON.stringify(rows)).not.toContain(accessToken);
});

it('audit: a hand-out is there within seconds without anybody flushing, and is shown to its organisation alone', async () => {
  const { id } = await api.addAccount(hour);
  await api.get(`/api/tokens/${id}`);
  await eventually(async () => (await handoutsOf(id)).body.items.length === 1);
  const key = await api.key(['admin'], 'org-of-somebody-else');
  const path = `/api/admin/accounts/${id}/token-handouts`;
  expectError(await api.send('GET', path, { key }), 404, 'not_found');
});

it('audit: an API that is stopped writes what it has noted', async () => {
  const { harness } = api;
  const { id } = await api.addAccount(hour);
  const { connection } = harness.config.temporal;
  if (connection === null) throw new Error('the harness names its Temporal');
  const { config, store, vault } = harness;
  const logger = createLogger('fatal');
  const running = await serveApi({ config, temporal: connection, store, vault, logger, port: 0 });
  const response = await fetch(`${running.url}/api/tokens/${id}`, {
    headers: { authorization: `Bearer ${api.admin}` },
  });
  expect(await response.json()).toMatchObject({ active: true });
  await running.stop();
  expect((await handoutsOf(id)).body.items).toHaveLength(1);
});

it.each(['?limit=0', '?limit=501', '?before=nonsense'])('audit: refuses %s', async (query) => {
  const { id } = await api.addAccount(hour);
  expectError(await handoutsOf(id, query), 400, 'invalid_request');
});

describe('the audit off the path', () => {
  const handout = (keyId: string): TokenHandout => ({
    at: new Date(),
    accountId: 'acc',
    keyId,
    requestId: 'request',
    source: 'memory',
    remainingSeconds: 60,
    generation: 1,
    accessTokenFingerprint: 'f',
  });
  const silent = createLogger('fatal');
  /** Whether a batch is an entry is tests/api/audit.test.ts's to say. */
  const audit: AuditLog = { append: async () => ({}) as AuditEntry };

  it('audit: writes many hand-outs in few batches', async () => {
    const batches: number[] = [];
    const append: TokenHandouts['append'] = async ({ handouts }) =>
      void batches.push(handouts.length);
    const log = createHandoutLog({ append, keptUntil: (at) => at }, audit, silent);
    for (let index = 0; index < 1_200; index += 1) log.record('org', handout(`k${index}`));
    await log.stop();
    expect(batches.reduce((sum, size) => sum + size, 0)).toBe(1_200);
    expect(batches.length).toBeLessThanOrEqual(4);
  });

  it('audit: keeps what the database could not take, and writes it at the stop, each once', async () => {
    let away = true;
    const append: TokenHandouts['append'] = async (batch) => {
      await api.store.tokenHandouts.append(batch);
      // It was written, but the answer was lost: the same batch comes again.
      if (away) {
        away = false;
        throw new Error('connection reset');
      }
    };
    const log = createHandoutLog({ append, keptUntil: (at) => at }, audit, silent);
    const at = { organisation: 'org-batch', accountId: 'acc-batch' };
    for (const keyId of ['one', 'two'])
      log.record(at.organisation, { ...handout(keyId), accountId: at.accountId });
    await log.stop();
    const rows = await api.store.tokenHandouts.list({ ...at, limit: 10 });
    expect(rows.map(({ keyId }) => keyId).toSorted()).toEqual(['one', 'two']);
  });
});

it('has shown no token but where one was asked for', () => {
  expect(api.leaks()).toEqual([]);
});
