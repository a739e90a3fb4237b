import { createHash, randomBytes } from 'node:crypto';
import { FINISH_WITHIN_MS, LEG_LIFE_MS } from '../../../src/domain/connect/connect-session';
import type { NewConnectSession } from '../../../src/store/connect/connect-sessions';
import { newConnectSession } from '../_connect-session';
import { fromNow, grantOf, NOW, storeForTest, type TestStore } from '../_store';

let store: TestStore;
beforeAll(async () => {
  store = await storeForTest();
});
afterAll(() => store.close());

const digest = (text: string) => createHash('sha256').update(text).digest('hex');
const random = () => randomBytes(8).toString('hex');

async function created(overrides: Partial<NewConnectSession> = {}) {
  const token = random();
  const session = await store.connectSessions.create(
    newConnectSession({ createdAt: NOW, ...overrides }),
    digest(token),
  );
  return { session, token };
}

const legAt = (ms: number, state = random()) => ({
  leg: {
    stateDigest: digest(state),
    browserDigest: digest('browser'),
    sealedVerifier: 'ENC:v1:k1:verifier',
    redirectUri: 'http://127.0.0.1/connect/callback/ebay',
    inputs: { shop: 'shop' },
    startedAt: fromNow(ms),
    expiresAt: fromNow(ms + LEG_LIFE_MS),
  },
  externalId: 'shop',
});

const win = (id: string, stateDigest: string, now = fromNow(1000)) =>
  store.connectSessions.winCallback(id, { stateDigest, browserDigest: digest('browser'), now });

it('stores a session that its link finds, and not the link', async () => {
  const { session, token } = await created({ scopes: ['a'], inputs: { tenant: 'x' } });
  expect(await store.connectSessions.findByToken(digest(token))).toEqual(session);
  expect(await store.connectSessions.find('org_a', session.id)).toEqual(session);
  expect(await store.connectSessions.find('org_b', session.id)).toBeNull();
  expect(JSON.stringify(session)).not.toContain(token);
  expect(session).toMatchObject({ status: 'created', scopes: ['a'], inputs: { tenant: 'x' } });
});

it('lists sessions newest first, page by page', async () => {
  const organisation = `org_${random()}`;
  const ids: string[] = [];
  for (const ms of [1, 2, 3]) {
    // oxlint-disable-next-line no-await-in-loop -- the order matters
    const { session } = await created({ organisation, createdAt: fromNow(ms) });
    ids.unshift(session.id);
  }
  const first = await store.connectSessions.list({ organisation, limit: 2 });
  const last = first.at(-1);
  const before = { at: last?.createdAt ?? NOW, id: last?.id ?? '' };
  const second = await store.connectSessions.list({ organisation, before, limit: 2 });
  expect([...first, ...second].map(({ id }) => id)).toEqual(ids);
});

it('lets one of many concurrent callbacks win', async () => {
  const { session } = await created();
  const { leg, ...rest } = legAt(0);
  await store.connectSessions.startLeg(session.id, { leg, ...rest });
  const won = await Promise.all(Array.from({ length: 8 }, () => win(session.id, leg.stateDigest)));
  expect(won.filter((one) => one !== null)).toHaveLength(1);
  expect(await store.connectSessions.findByState('ebay', leg.stateDigest)).toMatchObject({
    status: 'exchanging',
    externalId: 'shop',
    leg: { inputs: { shop: 'shop' } },
  });
  expect(await store.connectSessions.findByState('etsy', leg.stateDigest)).toBeNull();
});

it('refuses a callback of a replaced leg, of another browser, and after the leg expired', async () => {
  const { session } = await created();
  const replaced = legAt(0);
  await store.connectSessions.startLeg(session.id, replaced);
  const current = legAt(1);
  await store.connectSessions.startLeg(session.id, current);
  const { stateDigest } = current.leg;
  expect(await win(session.id, replaced.leg.stateDigest)).toBeNull();
  const browserDigest = digest('another browser');
  const other = { stateDigest, browserDigest, now: fromNow(2) };
  expect(await store.connectSessions.winCallback(session.id, other)).toBeNull();
  expect(await win(session.id, stateDigest, fromNow(LEG_LIFE_MS + 1))).toBeNull();
  expect(await win(session.id, stateDigest)).not.toBeNull();
});

it('starts no leg with an expired, revoked or used link', async () => {
  const expired = await created({ expiresAt: fromNow(-1) });
  expect(await store.connectSessions.startLeg(expired.session.id, legAt(0))).toBeNull();
  const revoked = await created();
  expect(await store.connectSessions.revoke('org_b', revoked.session.id, NOW)).toBeNull();
  expect(await store.connectSessions.revoke('org_a', revoked.session.id, NOW)).toMatchObject({
    status: 'revoked',
  });
  expect(await store.connectSessions.startLeg(revoked.session.id, legAt(0))).toBeNull();
  const used = await created();
  const leg = legAt(0);
  await store.connectSessions.startLeg(used.session.id, leg);
  await win(used.session.id, leg.leg.stateDigest);
  expect(await store.connectSessions.connected(used.session.id, NOW)).toMatchObject({
    status: 'connected',
    leg: { sealedVerifier: null },
  });
  expect(await store.connectSessions.startLeg(used.session.id, legAt(0))).toBeNull();
});

it('keeps the link usable after access_denied, and not after different_subject', async () => {
  for (const [code, status] of [
    ['access_denied', 'opened'],
    ['different_subject', 'refused'],
    ['provider_refused', 'failed'],
  ] as const) {
    // oxlint-disable-next-line no-await-in-loop -- one session at a time
    const { session } = await created();
    const leg = legAt(0);
    // oxlint-disable-next-line no-await-in-loop
    await store.connectSessions.startLeg(session.id, leg);
    // oxlint-disable-next-line no-await-in-loop
    await win(session.id, leg.leg.stateDigest);
    // oxlint-disable-next-line no-await-in-loop
    const after = await store.connectSessions.fail(
      session.id,
      ['exchanging'],
      { code, detail: null },
      { now: NOW, otherAccountId: 'acc_2' },
    );
    expect(after).toMatchObject({ status, failure: { code }, otherAccountId: 'acc_2' });
  }
});

describe('a waiting consent', () => {
  const consent = {
    grant: grantOf('ccs_1'),
    subject: { digest: 'd', label: 'h…@example.com' },
    missingScopes: ['b'],
  };

  async function waiting() {
    const { session } = await created({ mode: 'app' });
    const leg = legAt(0);
    await store.connectSessions.startLeg(session.id, leg);
    await win(session.id, leg.leg.stateDigest);
    await store.connectSessions.keepPending(session.id, consent, NOW);
    return session.id;
  }

  it('is taken by one caller of its organisation', async () => {
    const id = await waiting();
    expect(await store.connectSessions.takePending('org_b', id, fromNow(1))).toBeNull();
    expect(await store.connectSessions.takePending('org_a', id, fromNow(1))).toMatchObject({
      status: 'exchanging',
      pending: consent,
    });
    expect(await store.connectSessions.takePending('org_a', id, fromNow(1))).toBeNull();
    expect(await store.connectSessions.connected(id, fromNow(2))).toMatchObject({ pending: null });
  });

  it('is dropped after ten minutes', async () => {
    const id = await waiting();
    const late = fromNow(FINISH_WITHIN_MS);
    expect(await store.connectSessions.takePending('org_a', id, late)).toBeNull();
    expect(await store.connectSessions.takeUnfinished(late)).toMatchObject({
      id,
      pending: consent,
    });
    expect(await store.connectSessions.takeUnfinished(late)).toBeNull();
    expect(await store.connectSessions.find('org_a', id)).toMatchObject({
      status: 'failed',
      failure: { code: 'not_finished' },
      pending: null,
    });
  });
});
