/** The providers' rotation rules and their effects on accounts, on real servers. */
import type { SandboxProvider } from '../../src/sandbox/dialect';
import { grantPlace } from '../../src/vault/vault';
import { eventually } from '../support/eventually';
import { type Harness, startHarness } from '../support/harness';

const GRACE_SECONDS = 8;

let h: Harness;
let key: string;
beforeAll(async () => {
  const forgiving = { adapter: 'etsy', dialect: 'etsy', replay: `${GRACE_SECONDS}s` } as const;
  h = await startHarness({ providers: { ebay: {}, etsy: {}, shopify: {}, google: {}, forgiving } });
  key = await h.key();
});
afterAll(() => h?.stop());

const refresh = async (id: string) =>
  (await h.request(key, 'POST', `/api/admin/accounts/${id}/refresh`, { force: true })).body;
const of = (id: string, event: string) =>
  h.sandbox.ledger.filter((entry) => entry.event === event && entry.subject === id);
const openedRefreshToken = async (id: string) => {
  const account = await h.account(id);
  const place = grantPlace(account, account.generation);
  return h.vault.openToken(account.current.refreshToken ?? '', place, 'refresh_token');
};
const openedAccessToken = async (id: string) => {
  const account = await h.account(id);
  const place = grantPlace(account, account.generation);
  return h.vault.openToken(account.current.accessToken ?? '', place, 'access_token');
};

describe.each<SandboxProvider>(['etsy', 'shopify'])('%s, which rotates', (provider) => {
  it('R2.2 stores both new tokens together, and never presents an old refresh token again', async () => {
    const { id, plain } = await h.addAccount({ provider });
    const stored = [plain.refreshToken];
    for (const generation of [2, 3, 4]) {
      expect(await refresh(id)).toMatchObject({ outcome: 'refreshed', exchange: 'ok', generation });
      const { current, previous } = await h.account(id);
      expect(current.attemptId).not.toBe(previous?.attemptId ?? null);
      expect(h.sandbox.isAccessTokenActive(await openedAccessToken(id))).toBe(true);
      stored.push(await openedRefreshToken(id));
    }
    expect(new Set(stored).size).toBe(4);
    expect(of(id, 'committed')).toHaveLength(3);
    expect(new Set(of(id, 'received').map((entry) => entry.refreshTokenFingerprint)).size).toBe(3);
    expect(of(id, 'received').some((entry) => entry.rotatedTokenPresented)).toBe(false);
  });

  it('R2.2 stores the expiry of the new refresh token, in 90 days', async () => {
    const { id } = await h.addAccount({ provider });
    await refresh(id);
    const endsAt = Date.parse((await h.account(id)).current.refreshTokenExpiresAt ?? '');
    expect((endsAt - Date.now()) / 86_400_000).toBeCloseTo(90, 1);
  });

  it('R2.2 stores a rotated refresh token from an unexpected response', async () => {
    const { id, plain } = await h.addAccount({ provider });
    h.sandbox.script({
      subject: id,
      answer: {
        kind: 'odd_success',
        contentType: 'text/html',
        body: (granted) => JSON.stringify({ ...granted, expires_in: 'soon' }),
      },
    });
    expect(await refresh(id)).toMatchObject({ outcome: 'refreshed' });
    expect(await openedRefreshToken(id)).not.toBe(plain.refreshToken);
    expect(await refresh(id)).toMatchObject({ outcome: 'refreshed', generation: 3 });
  });

  it('R2.2 uses the refresh token once for concurrent callers', async () => {
    const { id } = await h.addAccount({ provider });
    const outcomes = await Promise.all(Array.from({ length: 8 }, () => refresh(id)));
    expect(outcomes.every(({ outcome }) => outcome === 'refreshed')).toBe(true);
    expect(of(id, 'received').some((entry) => entry.rotatedTokenPresented)).toBe(false);
  });
});

it('a lost response of Shopify is recovered by one replay of the old refresh token', async () => {
  const { id } = await h.addAccount({ provider: 'shopify' });
  h.sandbox.script({ subject: id, answer: { kind: 'drop', at: 'after_commit' } });
  await refresh(id);
  await eventually(async () => (await h.entries(id)).length === 2);
  expect(await h.account(id)).toMatchObject({ generation: 2 });
  expect(of(id, 'committed')).toHaveLength(2);
  expect((await h.entries(id)).map(({ outcome }) => outcome).toReversed()).toEqual([
    'unknown',
    'ok',
  ]);
});

it('a lost response of Etsy causes no replay while the access token is valid', async () => {
  const { id } = await h.addAccount({ provider: 'etsy', expiresInMs: 30 * 60_000 });
  h.sandbox.script({ subject: id, answer: { kind: 'drop', at: 'after_commit' } });
  void refresh(id);
  await eventually(async () => (await h.entries(id)).length === 1);
  expect((await h.entries(id))[0]).toMatchObject({ outcome: 'unknown' });
  expect(of(id, 'received')).toHaveLength(1);
  expect((await h.account(id)).state).toBe('active');
});

it('R2.2 a possibly used refresh token is not sent again after the grace period while the access token is valid', async () => {
  const { id, plain } = await h.addAccount({
    provider: 'forgiving',
    dialect: 'etsy',
    rotation: { mode: 'grace', seconds: GRACE_SECONDS },
    expiresInMs: 30 * 60_000,
  });
  h.sandbox.script({ subject: id, answer: { kind: 'drop', at: 'after_commit' } });
  h.sandbox.script({ subject: id, answer: { kind: 'unavailable' } });
  void refresh(id);
  const pauseSeconds = await eventually(async () => {
    const { events } = await h.client.workflow.getHandle(`refresh-account/${id}`).fetchHistory();
    const timer = events?.findLast((e) => e.timerStartedEventAttributes);
    const seconds = timer?.timerStartedEventAttributes?.startToFireTimeout?.seconds;
    return seconds && Number(seconds);
  });
  // The pause after two failures exceeds the grace period, so it lasts until the token has nearly expired.
  expect(pauseSeconds).toBeGreaterThan(28 * 60);
  expect((await h.entries(id)).map(({ outcome }) => outcome)).toEqual(['unknown', 'unknown']);
  expect(of(id, 'received')).toHaveLength(2);
  expect(h.sandbox.isAccessTokenActive(plain.accessToken)).toBe(true);
});

it('R2.3 R2.5 a refusal that Shopify words as a client error marks the account, not the app', async () => {
  const { id, plain } = await h.addAccount({ provider: 'shopify' });
  h.sandbox.revoke(plain.refreshToken);
  expect(await refresh(id)).toMatchObject({ outcome: 'failed', exchange: 'rejected' });
  expect((await h.account(id)).state).toBe('inactive');
  expect(await openedRefreshToken(id)).toBe(plain.refreshToken);
});

describe('google, which does not', () => {
  it('R4.2 keeps the old refresh token, stores the new expiry, and accepts the ID token without a warning', async () => {
    const { id, plain } = await h.addAccount({ provider: 'google' });
    for (const generation of [2, 3])
      expect(await refresh(id)).toMatchObject({ outcome: 'refreshed', generation });
    expect(await openedRefreshToken(id)).toBe(plain.refreshToken);
    const { current } = await h.account(id);
    expect((Date.parse(current.expiresAt ?? '') - Date.now()) / 60_000).toBeCloseTo(60, 0);
    for (const { diagnostics } of await h.entries(id)) expect(diagnostics?.warnings).toEqual([]);
  });

  it('R4.3 refreshes the other accounts beside a dead grant', async () => {
    const dead = await h.addAccount({ provider: 'google' });
    const alive = await h.addAccount({ provider: 'google' });
    h.sandbox.revoke(dead.plain.refreshToken);
    expect(await refresh(dead.id)).toMatchObject({ outcome: 'failed' });
    expect(await refresh(alive.id)).toMatchObject({ outcome: 'refreshed' });
    expect((await h.account(alive.id)).state).toBe('active');
  });
});
