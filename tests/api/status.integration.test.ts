/** The status, with counts from the database. */
import { randomUUID } from 'node:crypto';
import { AccountState } from '../../src/domain/account/account';
import { eventually } from '../support/eventually';
import { temporalCommand } from '../temporal/_worker';
import { type Api, startApi } from './_api';
import { secretIssuer, startJwksIssuer } from './_jwt';

const MINUTE = 60_000;
const IN_AN_HOUR = 60 * MINUTE;

let api: Api;
let published: Awaited<ReturnType<typeof startJwksIssuer>>;
beforeAll(async () => {
  [api, published] = await Promise.all([startApi(), startJwksIssuer()]);
});
afterAll(async () => {
  await published.stop();
  await api.stop();
});

/** An account of this kind, in the new organisation of one test. */
async function add(
  organisation: string,
  kind: string | null,
  expiresInMs: number,
  state: AccountState = AccountState.active,
  environment = 'production',
) {
  const { id } = await api.addAccount({ organisation, expiresInMs, environment });
  await api.store.accounts.patch(organisation, id, { kind, state }, new Date());
}

const NONE = {
  ok: 0,
  expiring_soon: 0,
  expired: 0,
  needs_reconnect: 0,
  inactive: 0,
  disabled: 0,
  disconnected: 0,
};

it('counts the accounts of the organisation by provider, environment, kind and status', async () => {
  const organisation = `org-${randomUUID()}`;
  await add(organisation, null, IN_AN_HOUR);
  await add(organisation, null, 10 * MINUTE);
  await add(organisation, null, -MINUTE);
  await add(organisation, 'booking', IN_AN_HOUR);
  await add(organisation, 'booking', -MINUTE, AccountState.needsReconnect);
  await add(organisation, null, IN_AN_HOUR, AccountState.disabled, 'sandbox');
  await add(`org-${randomUUID()}`, null, IN_AN_HOUR);

  const key = await api.key(['read'], organisation);
  // The first sweep of the worker may log its end shortly before Temporal records it.
  const { body } = await eventually(async () => {
    const answer = await api.send('GET', '/api/admin/status', { key });
    return answer.body.running.sweeps === 0 && !answer.body.providers[0].running && answer;
  });

  expect(body).toMatchObject({
    total: 6,
    by_status: { ...NONE, ok: 2, expiring_soon: 1, expired: 1, needs_reconnect: 1, disabled: 1 },
    running: { sweeps: 0, refreshes: 0, workers: 1 },
    providers: [{ provider: 'ebay', schedule_id: 'sweep/ebay', paused: false, running: false }],
  });
  expect(Date.parse(body.providers[0].next_run_at)).toBeGreaterThan(Date.now());
  expect(body.accounts).toHaveLength(3);
  expect(body.accounts).toEqual(
    expect.arrayContaining([
      {
        provider: 'ebay',
        environment: 'production',
        kind: null,
        total: 3,
        by_status: { ...NONE, ok: 1, expiring_soon: 1, expired: 1 },
        quarantined: 0,
      },
      {
        provider: 'ebay',
        environment: 'production',
        kind: 'booking',
        total: 2,
        by_status: { ...NONE, ok: 1, needs_reconnect: 1 },
        quarantined: 0,
      },
      {
        provider: 'ebay',
        environment: 'sandbox',
        kind: null,
        total: 1,
        by_status: { ...NONE, disabled: 1 },
        quarantined: 0,
      },
    ]),
  );
});

it('counts exactly as the list of accounts shows them', async () => {
  const { body: status } = await api.get('/api/admin/status');
  expect(Object.keys(status.by_status).toSorted()).toEqual(Object.keys(NONE).toSorted());
  for (const [name, count] of Object.entries(status.by_status)) {
    const { items } = (await api.get(`/api/admin/accounts?status=${name}&limit=500`)).body;
    expect({ name, count: items.length }).toEqual({ name, count });
  }
});

it('is empty, not absent, without accounts', async () => {
  const key = await api.key(['read'], `org-${randomUUID()}`);
  const { body } = await api.send('GET', '/api/admin/status', { key });
  expect(body).toMatchObject({ total: 0, by_status: NONE, accounts: [] });
});

describe('GET /api/oauth/token-refresh/status', () => {
  const PATH = '/api/oauth/token-refresh/status';

  const secret = secretIssuer();
  const apiKey = (organisation: string) => ({
    key: api.key(['read'], organisation),
    send: api.send,
  });
  const jwtBySecret = (organisation: string) => ({
    key: secret.sign({ organisation, scope: 'read' }),
    send: api.with({ jwt: secret.config }),
  });
  const jwtByJwks = (organisation: string) => ({
    key: published.sign({ organisation, scope: 'read' }),
    send: api.with({ jwt: published.config }),
  });

  it.each([
    ['a JWT verified by a secret', jwtBySecret],
    ["a JWT verified by its issuer's JWKS", jwtByJwks],
    ['an API key', apiKey],
  ])(
    'R4.5 answers %s with exactly these members, from the accounts of kind booking and stopsale',
    async (_what, holder) => {
      const organisation = `org-${randomUUID()}`;
      await add(organisation, 'booking', IN_AN_HOUR);
      await add(organisation, 'booking', 10 * MINUTE);
      await add(organisation, 'booking', -MINUTE);
      await add(organisation, 'stopsale', -MINUTE);
      await add(organisation, 'stopsale', -MINUTE, AccountState.needsReconnect);
      await add(organisation, 'stopsale', -MINUTE, AccountState.disabled);
      await add(organisation, 'invoices', -MINUTE);
      await add(organisation, null, -MINUTE);
      const { key, send } = holder(organisation);
      const { status, body, headers } = await send('GET', PATH, { key: await key });
      expect(Date.parse(headers.get('last-modified') ?? '')).not.toBeNaN();
      expect({ status, body }).toEqual({
        status: 200,
        body: {
          running: true,
          check_interval_seconds: 30 * 24 * 3600,
          refresh_before_expiry_minutes: 15,
          stats: {
            booking_oauth_count: 3,
            stopsale_oauth_count: 3,
            booking_expiring_soon: 1,
            stopsale_expiring_soon: 0,
            booking_expired: 1,
            stopsale_expired: 2,
          },
        },
      });
    },
  );

  it('R4.5 shows the interval and the pause that an operator set with the temporal command', async () => {
    await api.patch(`/api/admin/schedules/${encodeURIComponent('sweep/ebay')}`, { every: '5m' });
    await temporalCommand(
      api.harness,
      ...'schedule toggle --schedule-id sweep/ebay --pause --reason audit'.split(' '),
    );
    const { body } = await api.get(PATH);
    expect(body).toMatchObject({ running: false, check_interval_seconds: 300 });
  });
});
