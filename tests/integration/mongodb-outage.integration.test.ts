/** MongoDB stops at the worst moment: after the provider's response and before the commit. The file starts its own embedded MongoDB. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type RunningMongodb, startMongodb } from '../../src/engines/mongodb/mongodb';
import { createRefreshClient } from '../../src/temporal/refresh-client';
import { grantPlace } from '../../src/vault/vault';
import { engines } from '../support/engines';
import { eventually } from '../support/eventually';
import { type Harness, startHarness } from '../support/harness';

const OUTAGE_MS = 30_000;

let dataDir: string;
let mongodb: RunningMongodb;
let h: Harness;
const start = async () =>
  startMongodb({ dataDir, cacheDir: engines.cacheDir, log: () => undefined });

beforeAll(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'evergrant-outage-'));
  mongodb = await start();
  h = await startHarness({ mongodbUri: mongodb.uri, providers: ['ebay', 'etsy'] });
});
afterAll(async () => {
  await h?.stop();
  await mongodb?.stop();
  rmSync(dataDir, { recursive: true, force: true });
});

it('R2.5 a grant that arrived during a 30 s outage of MongoDB is committed with one log entry, and nothing is refreshed twice', async () => {
  const { id } = await h.addAccount({ label: 'Caught in the outage', secretMarker: 'outage' });
  const key = await h.key();
  let isGone = () => {};
  const gone = new Promise<void>((resolve) => {
    isGone = resolve;
  });
  // The provider has committed, and holds its response until MongoDB is gone.
  h.sandbox.script({
    subject: id,
    answer: { kind: 'normal', delayMs: 12_000, delayAt: 'after_commit', until: gone },
  });
  const acted = new Promise<void>((resolve) => {
    h.sandbox.on('committed', () => resolve());
  });
  const asked = h.request(key, 'POST', `/api/admin/accounts/${id}/refresh`, {});
  await acted;
  await mongodb.stop();
  isGone();
  const stoppedAt = Date.now();
  const handle = h.client.workflow.getHandle(`refresh-account/${id}`);
  // The durable path begins only now, after the failed commit.
  await eventually(async () => {
    const { events } = await handle.fetchHistory();
    return events?.some(
      (e) => e.activityTaskScheduledEventAttributes?.activityType?.name === 'persistGrant',
    );
  });
  await delay(Math.max(0, stoppedAt + OUTAGE_MS - Date.now()));
  mongodb = await start();

  expect((await asked).body).toMatchObject({ outcome: 'refreshed', generation: 2 });
  const account = await h.account(id);
  expect(account).toMatchObject({ generation: 2, claim: null, lastError: null });
  const token = h.vault.openToken(
    account.current.accessToken ?? '',
    grantPlace(account, 2),
    'access_token',
  );
  expect(h.sandbox.isAccessTokenActive(token)).toBe(true);
  expect(h.sandbox.ledger.filter((e) => e.event === 'received' && e.subject === id)).toHaveLength(
    1,
  );
  expect((await h.entries(id)).map(({ action }) => action)).toEqual(['token_refreshed']);
}, 150_000);

it('R2.2 a rotation that arrived during an outage of MongoDB waits encrypted in Temporal, and both its tokens are stored together afterwards', async () => {
  const secretMarker = 'RotatedWhileAway';
  const { id, plain } = await h.addAccount({ provider: 'etsy', secretMarker });
  const key = await h.key();
  let isGone = () => {};
  const gone = new Promise<void>((resolve) => {
    isGone = resolve;
  });
  const oldAccessToken = h.vault.fingerprint(plain.accessToken);
  const oldRefreshToken = h.vault.fingerprint(plain.refreshToken);
  h.sandbox.script({
    subject: id,
    answer: { kind: 'normal', delayMs: 12_000, delayAt: 'after_commit', until: gone },
  });
  const acted = new Promise<void>((resolve) => {
    h.sandbox.on('committed', () => resolve());
  });
  const asked = h.request(key, 'POST', `/api/admin/accounts/${id}/refresh`, {});
  await acted;
  await mongodb.stop();
  isGone();
  const waiting = await eventually(async () => {
    const handle = h.client.workflow.getHandle(`refresh-account/${id}`);
    const { events } = await handle.fetchHistory();
    return events?.find(
      (e) => e.activityTaskScheduledEventAttributes?.activityType?.name === 'persistGrant',
    );
  });
  const [input] = waiting.activityTaskScheduledEventAttributes?.input?.payloads ?? [];
  const text = Buffer.from(input?.data ?? []).toString();
  expect(JSON.parse(text).grant).toMatchObject({
    accessToken: expect.stringMatching(/^ENC:/),
    refreshToken: expect.stringMatching(/^ENC:/),
  });
  expect(text).not.toContain(secretMarker);
  mongodb = await start();

  // Readers see the old pair of tokens or the new one, never a mixture.
  let mixed = 0;
  await eventually(async () => {
    const { current, generation } = await h.account(id);
    const sameRefreshToken = current.refreshTokenFingerprint === oldRefreshToken;
    if (sameRefreshToken !== (current.accessTokenFingerprint === oldAccessToken)) mixed += 1;
    return generation === 2 && !sameRefreshToken;
  }, 60_000);
  expect(mixed).toBe(0);
  expect((await asked).body).toMatchObject({ outcome: 'refreshed', generation: 2 });

  // The stored refresh token is the provider's newest: the next refresh is not a replay.
  const next = await h.request(key, 'POST', `/api/admin/accounts/${id}/refresh`, { force: true });
  expect(next.body).toMatchObject({ outcome: 'refreshed', generation: 3 });
  const received = h.sandbox.ledger.filter((e) => e.event === 'received' && e.subject === id);
  expect(received.map((e) => e.rotatedTokenPresented)).toEqual([undefined, undefined]);
  expect((await h.entries(id)).map(({ outcome }) => outcome)).toEqual(['ok', 'ok']);
}, 150_000);

it('a refresh sends nothing to the provider while MongoDB accepts no writes', async () => {
  const { id } = await h.addAccount();
  const account = await h.account(id);
  await mongodb.stop();
  const asked = createRefreshClient(h.client, h.config.temporal.taskQueue, h.store).refresh(
    account,
    {
      source: 'api',
      caller: 'test',
      requestedAt: new Date().toISOString(),
      force: true,
      capture: false,
    },
  );
  // The first attempt found MongoDB unreachable before anything else.
  await eventually(async () => {
    const { events } = await h.client.workflow.getHandle(`refresh-account/${id}`).fetchHistory();
    return events?.some(
      (e) => e.activityTaskScheduledEventAttributes?.activityType?.name === 'awaitDatabase',
    );
  }, 60_000);
  expect(h.sandbox.ledger.filter((e) => e.subject === id)).toHaveLength(0);
  mongodb = await start();
  expect(await asked).toMatchObject({ outcome: 'refreshed' });
  expect(await h.entries(id)).toHaveLength(1);
}, 120_000);
