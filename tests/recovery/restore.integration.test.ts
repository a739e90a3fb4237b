/**
 * An old backup of MongoDB is restored. Its refresh tokens were replaced since, and a strict provider revokes the
 * family of each one that is sent.
 */
import mongoose from 'mongoose';
import type { Account } from '../../src/domain/account/account';
import type { Store } from '../../src/store/store';
import { eventually } from '../support/eventually';
import { type Harness, startHarness } from '../support/harness';

const ACCOUNTS = 20;
const ROTATED = 12;
const HOUR = 3_600_000;
/** Allows for the restart of workers on a busy machine. */
const PATIENCE_MS = 180_000;

type Owned = Account & { plain: { refreshToken: string } };

let h: Harness;
let key: string;
let connection: mongoose.Connection;
beforeAll(async () => {
  h = await startHarness({ providers: { etsy: { refreshAfterAge: '1h' } } });
  key = await h.key({ scopes: ['admin', 'internal', 'tokens'] });
  connection = await mongoose.createConnection(h.mongodbUri).asPromise();
});
afterAll(async () => {
  await connection?.close();
  await h?.stop();
});

const documents = () => connection.collection<{ _id: string }>('accounts');

/** Restores a backup of twenty accounts at a strict provider, twelve of which were refreshed after it. */
async function restored(): Promise<{ stale: Owned[]; others: Owned[] }> {
  const accounts: Owned[] = [];
  for (let at = 0; at < ACCOUNTS; at += 1)
    accounts.push(
      await h.addAccount({
        provider: 'etsy',
        rotation: { mode: 'strict' },
        expiresInMs: HOUR,
        refreshedAgoMs: 0,
      }),
    );
  const stale = accounts.slice(0, ROTATED);
  const others = accounts.slice(ROTATED);
  const ids = accounts.map(({ id }) => id);
  const backup = await documents()
    .find({ _id: { $in: ids } })
    .toArray();
  await Promise.all(stale.map(({ id }) => refresh(id)));
  // The workers are stopped during a restore.
  await h.stopWorkers();
  for (const document of backup) await documents().replaceOne({ _id: document._id }, document);
  // All accounts are due by now.
  await documents().updateMany(
    { _id: { $in: ids } },
    { $set: { due_at: new Date(), last_refreshed_at: new Date(Date.now() - 2 * HOUR) } },
  );
  return { stale, others };
}

const refresh = async (id: string) =>
  (await h.request(key, 'POST', `/api/admin/accounts/${id}/refresh`, { force: true })).body;
const presented = (accounts: Owned[], since: number) =>
  h.sandbox.ledger
    .slice(since)
    .filter((e) => e.event === 'received' && accounts.some(({ id }) => id === e.subject));
const replays = (accounts: Owned[], since: number) =>
  presented(accounts, since).filter((e) => e.rotatedTokenPresented).length;

async function sweep() {
  const path = '/api/admin/internal/refresh-tokens';
  const { body } = await h.request(key, 'POST', path, {});
  const [{ workflow_id: id, run_id: run }] = body.started;
  return h.client.workflow.getHandle(id, run).result();
}

it(
  'F26 a restore causes no replay on any path: outdated accounts are marked, and the others are refreshed',
  async () => {
    const { stale, others } = await restored();
    const since = h.sandbox.ledger.length;
    await h.startWorker();

    // Requested refreshes and debug runs, before any sweep completes.
    const [first, second, third] = stale as [Owned, Owned, Owned];
    expect(await refresh(first.id)).toMatchObject({
      outcome: 'failed',
      reason: 'stale_restore',
      failure: { class: 'account', code: 'stale_restore' },
    });
    const debug = await h.request(key, 'POST', '/api/admin/etsy/token/refresh-debug', {
      account_id: second.id,
    });
    expect(debug.body).toMatchObject({ outcome: 'failed', reason: 'stale_restore' });
    await sweep();
    await eventually(() => presented(others, since).length === others.length);
    await eventually(async () => {
      const now = await Promise.all(others.map(({ id }) => h.account(id)));
      return now.every(({ generation, state }) => generation === 2 && state === 'active');
    });

    expect(replays([...stale, ...others], since)).toBe(0);
    expect(presented(stale, since)).toHaveLength(0);
    for (const { id } of stale) {
      expect(await h.account(id)).toMatchObject({
        state: 'needs_reconnect',
        stateReason: expect.stringContaining('restored from a backup'),
        staleRestore: true,
        generation: 2,
      });
      const [entry] = await h.entries(id);
      expect(entry).toMatchObject({ outcome: 'not_sent', error: { code: 'stale_restore' } });
    }
    expect(h.logs.join('')).toMatch(/restored from a backup[^]*"accounts":12/);

    // Its access token is served until it expires.
    const token = await h.request(key, 'GET', `/api/tokens/${third.id}`);
    expect(token.body).toMatchObject({ active: true });

    // Enabling the account brings no new token; a reconnect does.
    const path = `/api/admin/accounts/${first.id}`;
    await h.request(key, 'PATCH', path, { disabled: true });
    await h.request(key, 'PATCH', path, { disabled: false });
    expect(await refresh(first.id)).toMatchObject({ outcome: 'failed', reason: 'stale_restore' });
    expect(await h.account(first.id)).toMatchObject({ state: 'needs_reconnect' });
    const grant = h.sandbox.issueGrant({ provider: 'etsy', subject: first.id });
    const reconnected = await h.request(key, 'PATCH', path, {
      access_token: grant.access_token,
      refresh_token: grant.refresh_token,
      expires_at: new Date(Date.now() + HOUR).toISOString(),
    });
    expect(reconnected.body).toMatchObject({ status: 'ok' });
    expect(await refresh(first.id)).toMatchObject({ outcome: 'refreshed', generation: 4 });
    expect(replays(stale, since)).toBe(0);
  },
  PATIENCE_MS,
);

it(
  'F26 control: a restore without rotation marks replays every outdated refresh token',
  async () => {
    const { stale } = await restored();
    const since = h.sandbox.ledger.length;
    const blind: Store = {
      ...h.store,
      restores: Object.assign(Object.create(h.store.restores), {
        compare: async () => ({ known: 1, behind: [] }),
      }),
    };
    await h.startWorker({ config: h.config, store: blind });
    await Promise.all(stale.map(({ id }) => refresh(id)));
    expect(replays(stale, since)).toBe(ROTATED);
  },
  PATIENCE_MS,
);
