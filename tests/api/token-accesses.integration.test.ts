/** Concurrent token requests: one request at the provider, and a complete record of the callers. */
import { randomUUID } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import mongoose from 'mongoose';
import { createLogger } from '../../src/process/logging';
import { serveApi } from '../../src/server/serve';
import { verifyAudit } from '../../src/services/audit/verify-audit';
import {
  createTokenAccessLog,
  RECORDED_WITHIN_MS,
  SERVED_UNRECORDED,
  type TokenAccessLogDependencies,
} from '../../src/services/tokens/token-access-log';
import type { TokenAccess } from '../../src/store/access/token-accesses';
import { createRefreshClient } from '../../src/temporal/refresh-client';
import { type Api, expectError, startApi } from './_api';

let api: Api;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.stop());

const tokenAccessesOf = (id: string, query = '') =>
  api.get(`/api/admin/accounts/${id}/token-accesses${query}`);
const hour = { expiresInMs: 60 * 60_000, refreshedAgoMs: 0 };

it('R3.1 R4.4 1,000 requests for one expired account in two API processes cause one refresh, and all get a token', async () => {
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

  const rows: any[] = [];
  for (let next: string | null = ''; next !== null; ) {
    const query: string = next === '' ? '' : `&before=${next}`;
    const { body } = await tokenAccessesOf(id, `?limit=300${query}`);
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

it('an access is recorded when its token is served, and only its organisation sees it', async () => {
  const { id } = await api.addAccount(hour);
  await api.get(`/api/tokens/${id}`);
  expect((await tokenAccessesOf(id)).body.items).toHaveLength(1);
  const key = await api.key(['admin'], 'org-of-somebody-else');
  const path = `/api/admin/accounts/${id}/token-accesses`;
  expectError(await api.send('GET', path, { key }), 404, 'not_found');
});

it('an API process writes all records of accesses before it stops', async () => {
  const { harness } = api;
  const { id } = await api.addAccount(hour);
  const { connection } = harness.config.temporal;
  if (connection === null) throw new Error('the harness has a Temporal address');
  const { config, store, vault } = harness;
  const logger = createLogger('fatal');
  const running = await serveApi({ config, temporal: connection, store, vault, logger, port: 0 });
  const response = await fetch(`${running.url}/api/tokens/${id}`, {
    headers: { authorization: `Bearer ${api.admin}` },
  });
  expect(await response.json()).toMatchObject({ active: true });
  await running.stop();
  expect((await tokenAccessesOf(id)).body.items).toHaveLength(1);
});

it.each(['?limit=0', '?limit=501', '?before=nonsense'])('the list refuses %s', async (query) => {
  const { id } = await api.addAccount(hour);
  expectError(await tokenAccessesOf(id, query), 400, 'invalid_request');
});

describe('the record of an access', () => {
  const access = (keyId: string, accountId = 'acc'): TokenAccess => ({
    at: new Date(),
    accountId,
    keyId,
    requestId: randomUUID(),
    source: 'memory',
    remainingSeconds: 60,
    generation: 1,
    accessTokenFingerprint: 'f',
  });
  type Stored = TokenAccessLogDependencies['tokenAccesses'];
  /** An access log on a store with some replaced members, and its log lines. */
  function logOn(members: Partial<Stored> = {}, required = false) {
    const lines: Record<string, any>[] = [];
    const destination = { write: (line: string) => void lines.push(JSON.parse(line)) };
    const { tokenAccesses } = api.store;
    const log = createTokenAccessLog({
      tokenAccesses: {
        head: (organisation) => tokenAccesses.head(organisation),
        insert: (entry, given) => tokenAccesses.insert(entry, given),
        retentionMs: tokenAccesses.retentionMs,
        ...members,
      },
      vault: api.harness.vault,
      logger: createLogger('debug', destination),
      required,
      now: () => new Date(),
    });
    const unrecorded = () => lines.filter(({ msg }) => msg === SERVED_UNRECORDED);
    return { log, lines, unrecorded };
  }
  const newOrganisation = () => `org-${randomUUID()}`;
  const recorded = (organisation: string, accountId = 'acc') =>
    api.store.tokenAccesses.list({ organisation, accountId, limit: 500 });
  const away = () => Promise.reject(new mongoose.mongo.MongoNetworkError('away'));

  it('is durable before the response, and accesses that arrive meanwhile are written together', async () => {
    const sizes: number[] = [];
    let inserted = 0;
    const { log } = logOn({
      async insert(entry, tokenAccesses) {
        sizes.push(tokenAccesses.length);
        const done = await api.store.tokenAccesses.insert(entry, tokenAccesses);
        inserted += tokenAccesses.length;
        return done;
      },
    });
    const organisation = newOrganisation();
    const first = log.record(organisation, access('first')).then(() => inserted);
    const others = Array.from({ length: 150 }, (_, index) =>
      log.record(organisation, access(`k${index}`)),
    );
    expect(await first).toBeGreaterThanOrEqual(1);
    await Promise.all(others);
    expect(inserted).toBe(151);
    expect(sizes.length).toBeLessThanOrEqual(4);
    expect(await recorded(organisation)).toHaveLength(151);
  });

  it('does not delay other organisations', async () => {
    const slow = newOrganisation();
    let release = () => {};
    const held = new Promise<void>((resolve) => (release = resolve));
    const { log } = logOn({
      async insert(entry, tokenAccesses) {
        if (entry.organisation === slow) await held;
        return api.store.tokenAccesses.insert(entry, tokenAccesses);
      },
    });
    const waiting = log.record(slow, access('k'));
    const other = newOrganisation();
    await log.record(other, access('k'));
    expect(await recorded(other)).toHaveLength(1);
    expect(await recorded(slow)).toHaveLength(0);
    release();
    await waiting;
  });

  it('is a log line while MongoDB is unreachable, and is in the audit when MongoDB is back', async () => {
    let isAway = true;
    const { log, unrecorded } = logOn({
      insert: (entry, tokenAccesses) =>
        isAway ? away() : api.store.tokenAccesses.insert(entry, tokenAccesses),
    });
    const organisation = newOrganisation();
    const accesses = [access('one'), access('two'), access('three')];
    for (const one of accesses) await log.record(organisation, one);
    expect(unrecorded()).toMatchObject(
      accesses.map((one) => ({
        level: 'error',
        organisation,
        account_id: 'acc',
        key_id: one.keyId,
        request_id: one.requestId,
        at: one.at.toISOString(),
        source: 'memory',
        generation: 1,
        access_token_fingerprint: 'f',
        kept: true,
      })),
    );
    expect(await recorded(organisation)).toEqual([]);
    isAway = false;
    await log.flush();
    const ids = (await recorded(organisation)).map(({ requestId }) => requestId);
    expect(ids.toSorted()).toEqual(accesses.map(({ requestId }) => requestId).toSorted());
    // From now on responses wait for their record again.
    await log.record(organisation, access('four'));
    expect(unrecorded()).toHaveLength(3);
    const entries = await api.store.tokenAccesses.following(organisation, 0, 10);
    expect(entries.map(({ details }) => details['late'] === true)).toContain(true);
    expect(entries.at(-1)?.details['late']).toBeUndefined();
  });

  it('delays a response for at most a second, and later responses not at all', async () => {
    let release = () => {};
    const held = new Promise<void>((resolve) => (release = resolve));
    const { log, unrecorded } = logOn({
      async insert(entry, tokenAccesses) {
        await held;
        return api.store.tokenAccesses.insert(entry, tokenAccesses);
      },
    });
    const organisation = newOrganisation();
    const beganAt = performance.now();
    await log.record(organisation, access('waits'));
    expect(performance.now() - beganAt).toBeGreaterThanOrEqual(RECORDED_WITHIN_MS - 5);
    const again = performance.now();
    await log.record(organisation, access('does not'));
    expect(performance.now() - again).toBeLessThan(RECORDED_WITHIN_MS / 2);
    expect(unrecorded()).toHaveLength(2);
    release();
    await log.stop();
    expect(await recorded(organisation)).toHaveLength(2);
  });

  it('is stored once if the response to its write was lost', async () => {
    let isLost = true;
    const { log } = logOn({
      async insert(entry, tokenAccesses) {
        const done = await api.store.tokenAccesses.insert(entry, tokenAccesses);
        if (!isLost) return done;
        isLost = false;
        return away();
      },
    });
    const organisation = newOrganisation();
    await log.record(organisation, access('one'));
    await log.stop();
    expect(await recorded(organisation)).toHaveLength(1);
    const query = { organisation, chain: 'token-accesses', after: 0, limit: 10 } as const;
    const { store, vault } = api.harness;
    const verified = await verifyAudit({ store, vault, now: () => new Date() }, query);
    expect(verified).toMatchObject({ entries: 1, accesses: 1, breaks: [] });
  });

  it('uses bounded memory, and records beyond the bound are only in the log', async () => {
    const { log, unrecorded } = logOn({ insert: away });
    const organisation = newOrganisation();
    const most = 20_001;
    for (let n = 0; n <= most; n += 1) await log.record(organisation, access('k'));
    expect(unrecorded()).toHaveLength(most + 1);
    // The first was in a failed group, and one of the others was beyond the bound.
    expect(unrecorded().filter(({ kept }) => !kept)).toHaveLength(1);
  });

  it('is required with AUDIT_REQUIRED, so the token is refused while MongoDB is unreachable', async () => {
    let isAway = true;
    const { log, unrecorded } = logOn(
      {
        insert: (entry, tokenAccesses) =>
          isAway ? away() : api.store.tokenAccesses.insert(entry, tokenAccesses),
      },
      true,
    );
    const { id } = await api.addAccount(hour);
    const key = await api.key(['tokens']);
    const doors = [api.with({ tokenAccesses: log }), await api.served({ tokenAccesses: log })];
    for (const send of doors) {
      for (let asked = 0; asked < 2; asked += 1) {
        const answer = await send('GET', `/api/tokens/${id}`, { key });
        expectError(answer, 503, 'audit_unavailable');
        expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
      }
    }
    expect(unrecorded()).toEqual([]);
    isAway = false;
    for (const send of doors)
      expect((await send('GET', `/api/tokens/${id}`, { key })).body.active).toBe(true);
    expect((await tokenAccessesOf(id)).body.items).toHaveLength(2);
  });

  it('does not break the chain, whatever the name of the caller', async () => {
    const { log } = logOn();
    const organisation = newOrganisation();
    const odd = ['jwt:\ud800', 'oidc:\udfff\u0000', '', `oidc:${'x'.repeat(2_000_000)}`, 'jwt:😀'];
    for (const keyId of odd) await log.record(organisation, access(keyId));
    const query = { organisation, chain: 'token-accesses', after: 0, limit: 10 } as const;
    const { store, vault } = api.harness;
    const verified = await verifyAudit({ store, vault, now: () => new Date() }, query);
    expect(verified).toMatchObject({ accesses: odd.length, breaksTotal: 0 });
  });

  it('is in a chain without a gap when several processes write to it at once', async () => {
    const organisation = newOrganisation();
    const logs = [logOn(), logOn(), logOn(), logOn()];
    await Promise.all(
      Array.from({ length: 400 }, async (_, n) =>
        logs[n % 4]?.log.record(organisation, access(`k${n}`)),
      ),
    );
    expect(logs.flatMap(({ unrecorded }) => unrecorded())).toEqual([]);
    const query = { organisation, chain: 'token-accesses', after: 0, limit: 500 } as const;
    const { store, vault } = api.harness;
    const verified = await verifyAudit({ store, vault, now: () => new Date() }, query);
    expect(verified).toMatchObject({ accesses: 400, breaksTotal: 0 });
  });
});

it('no response but that of the token route contains a token', () => {
  expect(api.leaks()).toEqual([]);
});
