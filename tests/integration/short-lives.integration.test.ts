/**
 * Short lifetimes and windows: a scripted strict server, real sweeps, the API as users see it. The tests run
 * concurrently, because each waits for tokens to age, and they share no accounts.
 */
import { randomUUID } from 'node:crypto';
import { eventually } from '../support/eventually';
import { type Harness, startHarness } from '../support/harness';
import { type StrictGrant, type StrictServer, startStrictServer } from '../support/strict-server';

let rotating: StrictServer;
let narrow: StrictServer;
let patient: StrictServer;
let h: Harness;
let key: string;

beforeAll(async () => {
  // The refresh token expires first.
  rotating = await startStrictServer({ accessSeconds: 60, refreshSeconds: 16 });
  // Refuses refreshes earlier than 6 s before the expiry.
  narrow = await startStrictServer({ accessSeconds: 30, windowSeconds: 6 });
  patient = await startStrictServer({ accessSeconds: 20 });
  const entry = { adapter: 'oauth2', dialect: 'google', jitter: 'none' } as const;
  h = await startHarness({
    policy: { sweepEveryMs: 1_000 },
    providers: {
      rotating: { ...entry, by: () => rotating.url, replay: 'never' },
      narrow: { ...entry, by: () => narrow.url, errorCodes: { access_denied: 'too_early' } },
      window: { ...entry, by: () => narrow.url, notBefore: '6s' },
      asking: {
        ...entry,
        by: () => patient.url,
        introspectionEndpoint: patient.introspectionUrl,
        validateEvery: '1s',
      },
      patient: { ...entry, by: () => patient.url, replay: 'never', perAccountUpTo: 0 },
    },
  });
  key = await h.key({ scopes: ['admin', 'tokens'] });
});
afterAll(async () => {
  await h?.stop();
  await Promise.all([rotating, narrow, patient].map((server) => server?.stop()));
});

async function connect(
  provider: string,
  server: StrictServer,
  more: object = {},
): Promise<{ id: string } & StrictGrant> {
  const { familyId, ...grant } = server.grant();
  const { status, body } = await h.request(key, 'POST', '/api/admin/accounts', {
    provider,
    external_id: `shop-${randomUUID()}`,
    ...grant,
    ...more,
  });
  expect(status).toBe(201);
  return { id: body.id, familyId, ...grant };
}

const show = async (id: string) => (await h.request(key, 'GET', `/api/admin/accounts/${id}`)).body;
const answers = (server: StrictServer, familyId: string) =>
  server.asked(familyId).map(({ answer }) => answer);

it.concurrent('a sweep keeps an account working whose refresh tokens expire before its access tokens', async () => {
  const { id, familyId } = await connect('rotating', rotating);
  await eventually(() => answers(rotating, familyId).length >= 4, 120_000);
  expect(new Set(answers(rotating, familyId))).toEqual(new Set(['ok']));
  // About halfway through its life, and not at every sweep.
  const [first, ...later] = rotating.asked(familyId).map(({ atMs }) => atMs);
  const pauses = later.map((at, index) => at - ([first, ...later][index] ?? 0));
  expect(Math.min(...pauses)).toBeGreaterThan(6_500);
  const { body } = await h.request(key, 'GET', `/api/tokens/${id}`);
  expect(rotating.isActive(body.access_token)).toBe(true);
  expect(await show(id)).toMatchObject({ last_error: null });
}, 150_000);

it.concurrent('a sweep retries an account near its expiry if the provider refuses earlier refreshes', async () => {
  const { id, familyId, expires_at } = await connect('narrow', narrow);
  await eventually(() => answers(narrow, familyId).includes('ok'), 60_000);
  const [first, ...rest] = narrow.asked(familyId);
  expect(first?.answer).toBe('access_denied');
  // Once halfway, and then only near the expiry.
  expect(rest[0]?.atMs).toBeGreaterThan(Date.parse(expires_at) - 6_000);
  await eventually(async () => (await h.account(id)).generation === 2);
  expect(await show(id)).toMatchObject({ status: 'ok', last_error: null, failed_attempts: 0 });
  const [limiter] = (await h.store.limiters.list()).filter(({ provider }) => provider === 'narrow');
  expect(limiter?.state).toBe('closed');
  expect(Object.values(limiter?.evidence ?? {}).filter((one) => one !== null)).toEqual([]);
}, 90_000);

it.concurrent('a refresh sends nothing before the notBefore of its provider, unless it is forced', async () => {
  const { id, familyId, expires_at } = await connect('window', narrow);
  const forced = await connect('window', narrow);
  const path = `/api/admin/accounts/${forced.id}/refresh`;
  const plain = await h.request(key, 'POST', path, {});
  expect(plain.body).toMatchObject({ outcome: 'skipped' });
  expect(answers(narrow, forced.familyId)).toEqual([]);
  await h.request(key, 'POST', path, { force: true });
  expect(answers(narrow, forced.familyId)).toEqual(['access_denied']);
  await eventually(() => answers(narrow, familyId).includes('ok'), 60_000);
  expect(answers(narrow, familyId)).toEqual(['ok']);
  expect(narrow.asked(familyId)[0]?.atMs).toBeGreaterThanOrEqual(Date.parse(expires_at) - 6_000);
  await eventually(async () => (await h.account(id)).generation === 2);
}, 90_000);

it.concurrent('a replay waits until near the expiry, and its refusal mentions the lost response', async () => {
  const { id, familyId, expires_at } = await connect('patient', patient);
  patient.loseNextAnswer(familyId);
  await eventually(async () => (await show(id)).status === 'needs_reconnect', 60_000);
  expect(answers(patient, familyId)).toEqual(['lost', 'invalid_grant']);
  expect(patient.asked(familyId)[1]?.atMs).toBeGreaterThan(Date.parse(expires_at) - 3_000);
  const sentence =
    /^The network lost the answer to the refresh at .+ UTC\. The provider refused the refresh token when Evergrant sent it a second time/;
  expect(await show(id)).toMatchObject({
    status_reason: expect.stringMatching(sentence),
    last_error: { code: 'replay_refused', detail: expect.stringMatching(/^invalid_grant/) },
  });
  const [refused, lost] = await h.entries(id);
  expect(refused).toMatchObject({
    error: { code: 'replay_refused', class: 'account' },
    message: expect.stringMatching(sentence),
  });
  expect(lost).toMatchObject({ outcome: 'unknown', error: { code: 'answer_lost' } });
  await eventually(async () => {
    const { body } = await h.request(key, 'GET', '/api/admin/events?limit=100');
    return body.items.some(
      ({ type, data }: any) =>
        type === 'account.needs_reconnect' &&
        data.account_id === id &&
        data.reason === 'replay_refused',
    );
  });
}, 120_000);

it.concurrent('an expired refresh token is tried once, and the access token is served while it is valid', async () => {
  const { familyId, ...grant } = rotating.grant();
  rotating.expireRefreshToken(familyId);
  const { body } = await h.request(key, 'POST', '/api/admin/accounts', {
    provider: 'rotating',
    external_id: `shop-${randomUUID()}`,
    ...grant,
    refresh_token_expires_at: new Date().toISOString(),
  });
  await eventually(async () => (await show(body.id)).status === 'needs_reconnect', 60_000);
  expect(answers(rotating, familyId)).toEqual(['invalid_grant']);
  const [entry] = await h.entries(body.id);
  expect(entry?.diagnostics?.warnings).toEqual([
    expect.stringMatching(/^the refresh token expired at .+ UTC, according to the stored expiry$/),
  ]);
  const served = await h.request(key, 'GET', `/api/tokens/${body.id}?min_valid_seconds=0`);
  expect(served.body).toMatchObject({ active: true, access_token: grant.access_token });
}, 90_000);

it.concurrent('an OAuth app that may not introspect is reported once, and its other accounts are not validated', async () => {
  const before = patient.introspections();
  const accounts = [];
  for (let n = 0; n < 3; n += 1) accounts.push(await connect('asking', patient));
  await eventually(() => patient.introspections() > before, 60_000);
  const sweeps = () =>
    h.logs.filter((line) => line.includes('"sweep finished"') && line.includes('"asking"')).length;
  const swept = sweeps();
  await eventually(() => sweeps() >= swept + 3, 60_000);
  expect(patient.introspections() - before).toBeLessThanOrEqual(accounts.length);
  const entries = (await Promise.all(accounts.map(({ id }) => h.entries(id)))).flat();
  expect(entries.filter(({ action }) => action === 'token_validation_error')).toMatchObject([
    { error: { code: 'validation_not_allowed' } },
  ]);
}, 150_000);
