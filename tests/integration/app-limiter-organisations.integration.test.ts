/**
 * One OAuth app that two organisations share, through the running product: failures of one organisation's accounts must
 * not stop the other, and one dead grant must stop neither.
 */
import { eventually } from '../support/eventually';
import { type Harness, type NewAccount, startHarness } from '../support/harness';

const HONEST = 'honest';
const HOSTILE = 'hostile';
const WAIT_MS = 60_000;

let h: Harness;
let honestKey: string;
let hostileKey: string;
beforeAll(async () => {
  const ebay = { adapter: 'ebay', dialect: 'ebay' } as const;
  h = await startHarness({
    providers: {
      shops: { adapter: 'shopify', dialect: 'shopify' },
      lapsed: ebay,
      dead: ebay,
      wordy: ebay,
    },
  });
  honestKey = await h.key({ organisation: HONEST });
  hostileKey = await h.key({ organisation: HOSTILE });
}, 120_000);
afterAll(() => h?.stop());

async function addMany(count: number, account: NewAccount) {
  const accounts = [];
  for (let n = 0; n < count; n += 1) accounts.push(await h.addAccount(account));
  return accounts;
}

const refresh = async (key: string, id: string): Promise<any> =>
  (await h.request(key, 'POST', `/api/admin/accounts/${id}/refresh`, { force: true })).body;

async function limiterOf(provider: string): Promise<any> {
  const { body } = await h.request(honestKey, 'GET', '/api/admin/status');
  return body.apps.find((limiter: any) => limiter.provider === provider);
}

const incidents = async () =>
  (await h.store.events.list({ organisation: HONEST, limit: 100 })).filter(({ type }) =>
    type.startsWith('app.'),
  );

const refuse = (id: string, error: string, description: string) =>
  h.sandbox.script({
    subject: id,
    times: Infinity,
    answer: {
      kind: 'respond',
      status: 401,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ error, error_description: description }),
    },
  });

it(
  'serves one organisation while invented shops of another are refused as if the app were',
  async () => {
    const own = await addMany(3, { provider: 'shops', dialect: 'shopify', organisation: HONEST });
    const made = await addMany(4, { provider: 'shops', dialect: 'shopify', organisation: HOSTILE });
    for (const { id } of made) refuse(id, 'application_cannot_be_found', 'no such shop');
    const outcomes: string[] = [];
    for (let round = 0; round < 5; round += 1) {
      const attack = made.map(({ id }) => refresh(hostileKey, id));
      for (const { id } of own) outcomes.push((await refresh(honestKey, id)).outcome);
      for (const { failure } of await Promise.all(attack))
        expect(failure).toMatchObject({ code: 'invalid_client' });
    }
    expect(outcomes).toEqual(Array(15).fill('refreshed'));
    expect(await limiterOf('shops')).toMatchObject({ state: 'closed', reason: null });
    expect(await incidents()).toEqual([]);
    for (const { id } of made) {
      const { state, failedAttempts, nextAttemptAt } = await h.account(id);
      expect(state).toBe('active');
      expect(failedAttempts).toBeGreaterThan(0);
      expect(nextAttemptAt?.getTime()).toBeGreaterThan(Date.now());
    }
  },
  WAIT_MS,
);

it(
  'probes another organisation before it believes failures of proven accounts, and keeps serving',
  async () => {
    const own = await addMany(2, { provider: 'lapsed', dialect: 'ebay', organisation: HONEST });
    const lapsed = await addMany(4, { provider: 'lapsed', dialect: 'ebay', organisation: HOSTILE });
    for (const { id } of own)
      expect(await refresh(honestKey, id)).toMatchObject({ outcome: 'refreshed' });
    for (const { id } of lapsed)
      expect(await refresh(hostileKey, id)).toMatchObject({ outcome: 'refreshed' });
    for (const { id } of lapsed) refuse(id, 'invalid_client', 'the app was removed');
    const asked = h.sandbox.ledger.length;
    for (const { id } of lapsed) await refresh(hostileKey, id);
    await eventually(
      async () =>
        h.sandbox.ledger
          .slice(asked)
          .some(
            ({ event, subject }) => event === 'received' && own.some(({ id }) => id === subject),
          ),
      WAIT_MS,
    );
    await eventually(async () => {
      const limiter = await h.store.limiters.find({
        provider: 'lapsed',
        environment: 'production',
      });
      return limiter?.evidence.app === null;
    }, WAIT_MS);
    for (const { id } of own)
      expect(await refresh(honestKey, id)).toMatchObject({ outcome: 'refreshed' });
    expect(await limiterOf('lapsed')).toMatchObject({ state: 'closed', reason: null });
    expect(await incidents()).toEqual([]);
  },
  2 * WAIT_MS,
);

it(
  'marks a single account for a reconnect if the provider words its refusal as one of the app, without an incident',
  async () => {
    const of = { provider: 'dead', dialect: 'ebay', organisation: HONEST } as const;
    const [well] = await addMany(1, of);
    const dead = await addMany(3, of);
    for (const { id } of dead) {
      refuse(id, 'unauthorized_client', 'the grant is gone');
      await refresh(honestKey, id);
      expect((await h.account(id)).state).toBe('active');
    }
    await h.backdateRefusals(dead.map(({ id }) => id));
    await eventually(async () => {
      for (const { id } of dead) await refresh(honestKey, id);
      expect(await refresh(honestKey, well?.id ?? '')).toMatchObject({ outcome: 'refreshed' });
      const states = await Promise.all(dead.map(async ({ id }) => (await h.account(id)).state));
      return states.every((state) => state === 'needs_reconnect');
    }, WAIT_MS);
    for (const { id } of dead)
      expect((await h.account(id)).lastError).toMatchObject({
        class: 'account',
        code: 'unauthorized_client',
        detail: expect.stringContaining('the grant is gone'),
        message: expect.stringMatching(/served other accounts of the same OAuth app/),
      });
    expect((await h.account(well?.id ?? '')).state).toBe('active');
    expect(await limiterOf('dead')).toMatchObject({ state: 'closed', reason: null });
    expect(await incidents()).toEqual([]);
  },
  2 * WAIT_MS,
);

it(
  'shows the text of the provider about the app after two accounts received it, without any secret',
  async () => {
    const accounts = await addMany(2, {
      provider: 'wordy',
      dialect: 'ebay',
      organisation: HONEST,
      proven: true,
    });
    const planted = [h.clientSecret, ...accounts.map(({ plain }) => plain.refreshToken)];
    for (const { id, plain } of accounts)
      refuse(id, 'invalid_client', `The app is disabled: ${h.clientSecret} ${plain.refreshToken}`);
    await Promise.all(accounts.map(({ id }) => refresh(honestKey, id)));
    expect(await limiterOf('wordy')).toMatchObject({ state: 'open', cause: 'credentials' });
    // The probe asks the second account, half a minute later.
    await eventually(async () => {
      const limiter = await h.store.limiters.find({ provider: 'wordy', environment: 'production' });
      return limiter?.words?.isShared === true;
    }, WAIT_MS);
    expect((await limiterOf('wordy')).reason.detail).toContain('The app is disabled');
    const shown = JSON.stringify([await limiterOf('wordy'), await incidents(), h.logs]);
    for (const secret of planted) expect(shown).not.toContain(secret.slice(0, 12));
    const line = h.logs
      .map((one) => JSON.parse(one))
      .find(({ action }) => action === 'app_incident');
    expect(line).toMatchObject({ failure_code: 'invalid_client', status: 401 });
    expect(line.error).toBeUndefined();
  },
  2 * WAIT_MS,
);
