/**
 * A worker is killed (-9) around a rotation: where the provider forgives a second presentation nothing is lost; where it
 * does not, the account says so and its living access token is still handed out.
 */
import { type LedgerEvent, refreshTokenFingerprint } from '../../src/sandbox/ledger';
import { eventually } from '../support/eventually';
import { type Harness, startHarness } from '../support/harness';
import { spawnWorker, type WorkerProcess } from '../support/worker-process';

const ACCOUNTS = 40;
const KILLS_PER_PHASE = 2;
const GRACE_SECONDS = 120;

let h: Harness;
let worker: WorkerProcess | undefined;

beforeAll(async () => {
  h = await startHarness({
    worker: false,
    providers: {
      etsy: {},
      forgiving: { adapter: 'etsy', dialect: 'etsy', replay: `${GRACE_SECONDS}s` },
    },
  });
});
afterEach(async () => {
  worker?.child.kill('SIGTERM');
  await worker?.exited;
});
afterAll(() => h?.stop());

const received = (id: string) =>
  h.sandbox.ledger.filter(({ event, subject }) => event === 'received' && subject === id);

async function opened(id: string): Promise<{ accessToken: string; refreshToken: string }> {
  const { current, organisation } = await h.account(id);
  const place = { organisation, accountId: id };
  return {
    accessToken: h.vault.openToken(current.accessToken, place, 'access_token'),
    refreshToken: h.vault.openToken(current.refreshToken ?? '', place, 'refresh_token'),
  };
}

it(`R2.2 within a grace nothing is lost over ${ACCOUNTS} rotations, with kills before the provider's commit, after it and after its answer`, async () => {
  const ids: string[] = [];
  for (let n = 0; n < ACCOUNTS; n += 1) {
    const { id } = await h.addAccount({
      provider: 'forgiving',
      dialect: 'etsy',
      rotation: { mode: 'grace', seconds: GRACE_SECONDS },
      expiresInMs: 9 * 60_000,
    });
    ids.push(id);
  }
  const hits = { received: 0, committed: 0, answered: 0 };
  let killed = false;
  let calm = 0;
  for (const phase of ['received', 'committed', 'answered'] satisfies LedgerEvent[]) {
    h.sandbox.on(phase, ({ subject = '' }) => {
      calm += 1;
      if (killed || calm < 8 || hits[phase] >= KILLS_PER_PHASE) return;
      killed = true;
      hits[phase] += 1;
      // Received and never committed: the provider goes down with the worker.
      if (phase === 'received')
        h.sandbox.script({ subject, answer: { kind: 'hang', commit: false } });
      worker?.child.kill('SIGKILL');
    });
  }
  const run = { stopping: false };
  const keepRunning = async () => {
    while (!run.stopping) {
      killed = false;
      calm = 0;
      worker = spawnWorker(h, h.encryptionKeys);
      await worker.exited;
    }
  };
  const running = keepRunning();
  await eventually(async () => {
    const accounts = await Promise.all(ids.map((id) => h.account(id)));
    return accounts.every(({ generation, claim }) => generation >= 2 && claim === null);
  }, 180_000);
  run.stopping = true;
  worker?.child.kill('SIGTERM');
  await running;

  // Fewer would mean that the test tested nothing.
  expect(hits).toEqual({
    received: KILLS_PER_PHASE,
    committed: KILLS_PER_PHASE,
    answered: KILLS_PER_PHASE,
  });
  for (const id of ids) {
    const entries = await h.entries(id);
    expect(await h.account(id)).toMatchObject({ state: 'active', lastError: null });
    const { accessToken, refreshToken } = await opened(id);
    // Of a family that was not revoked; and the refresh token is one that was never spent.
    expect(h.sandbox.isAccessTokenActive(accessToken)).toBe(true);
    const fingerprint = refreshTokenFingerprint(refreshToken);
    expect(received(id).map((entry) => entry.refreshTokenFingerprint)).not.toContain(fingerprint);
    const unknown = entries.filter(({ outcome }) => outcome === 'unknown').length;
    expect(received(id).length - 1).toBeLessThanOrEqual(unknown);
    // One more where the worker was killed between saying that it sends and sending.
    expect(entries.length).toBeGreaterThanOrEqual(received(id).length);
  }
}, 240_000);

it('R2.2 a rotation that a killed worker took with it, at a provider that forgives nothing, is named, and the living access token is handed out until its end', async () => {
  const { id, plain } = await h.addAccount({ provider: 'etsy', expiresInMs: 90_000 });
  const key = await h.key({ scopes: ['admin', 'tokens'] });
  const committed = new Promise<void>((resolve) => {
    h.sandbox.on('committed', ({ subject }) => {
      if (subject !== id || worker?.child.killed) return;
      worker?.child.kill('SIGKILL');
      resolve();
    });
  });
  worker = spawnWorker(h, h.encryptionKeys);
  await committed;
  await worker.exited;
  worker = spawnWorker(h, h.encryptionKeys);

  await eventually(async () => (await h.entries(id)).length === 1);
  const show = async () => (await h.request(key, 'GET', `/api/admin/accounts/${id}`)).body;
  expect(await show()).toMatchObject({ last_error: { code: 'answer_lost' }, failed_attempts: 1 });
  const { body } = await h.request(key, 'GET', `/api/tokens/${id}?min_valid_seconds=0`);
  expect(body).toMatchObject({ active: true, access_token: plain.accessToken });
  // Not presented again while a replay could cost the token that lives.
  expect(received(id)).toHaveLength(1);
  expect(h.sandbox.isAccessTokenActive(plain.accessToken)).toBe(true);

  // Near its end there is nothing left to lose: the provider takes the replay for theft, and the owner is told.
  await eventually(async () => (await show()).status === 'needs_reconnect', 90_000);
  expect(await show()).toMatchObject({
    status_reason: expect.stringMatching(/connect/),
    last_error: { code: 'invalid_grant' },
  });
  expect((await h.entries(id)).map(({ outcome }) => outcome)).toEqual(['rejected', 'unknown']);
}, 180_000);
