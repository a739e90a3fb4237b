/** From a change of state to its deliveries: none is lost or duplicated, wherever a process dies. */
import { randomUUID } from 'node:crypto';
import type { EventType } from '../../../src/domain/events/event';
import type { WebhookEndpoint } from '../../../src/store/webhooks/webhook-endpoint-model';
import {
  accountOf,
  addAccount,
  claimOf,
  commitOf,
  failureRecordOf,
  fromNow,
  grantOf,
  NOW,
  storeForTest,
  type TestStore,
} from '../_store';

let store: TestStore;
beforeAll(async () => {
  store = await storeForTest();
});
afterAll(() => store.close());

const anOrganisation = () => `org-${randomUUID().slice(0, 8)}`;

function endpoint(
  organisation: string,
  eventTypes: EventType[] = ['account.needs_reconnect', 'account.recovered'],
): Promise<WebhookEndpoint> {
  const id = `whk_${randomUUID()}`;
  const [url, sealedSecret] = ['https://example.com/', 'ENC:v1:k1:x'];
  return store.webhookEndpoints.create(
    {
      id,
      organisation,
      url,
      eventTypes,
      description: null,
      includeReconnectLink: false,
      sealedSecret,
    },
    NOW,
  );
}

/** An account whose refresh token was refused. */
async function refused(organisation: string) {
  const { id } = await addAccount(store, { organisation });
  const attemptId = `attempt-${randomUUID()}`;
  await store.grants.claim(claimOf(await accountOf(store, id), attemptId));
  const record = failureRecordOf(await accountOf(store, id), attemptId, 'invalid_grant');
  expect(await store.grants.recordFailure(record)).toBe(true);
  return { id, record };
}

const events = async (organisation: string) =>
  (await store.events.list({ organisation, limit: 100 })).filter((one) => one.organisation);
const deliveries = ({ organisation, id }: WebhookEndpoint) =>
  store.webhookDeliveries.list({ organisation, endpointId: id, limit: 100 });

async function round(): Promise<void> {
  await store.webhookOutbox.collect(100);
  await store.webhookOutbox.dispatch(NOW, 100);
}

it('an event is written with its change, and a repeated step writes neither', async () => {
  const organisation = anOrganisation();
  const { record } = await refused(organisation);
  expect(await store.grants.recordFailure(record)).toBe(false);
  expect(await events(organisation)).toEqual([]);
  await store.webhookOutbox.collect(100);
  expect(await events(organisation)).toMatchObject([
    { type: 'account.needs_reconnect', data: { reason: 'invalid_grant' } },
  ]);
});

it('a process that dies between two steps leaves the rest to another one, which repeats nothing', async () => {
  const organisation = anOrganisation();
  const hook = await endpoint(organisation);
  await refused(organisation);
  // Repeats each step as after a crash: after raising, after writing deliveries, and with two concurrent workers.
  await Promise.all([store.webhookOutbox.collect(100), store.webhookOutbox.collect(100)]);
  await store.webhookOutbox.collect(100);
  const [event] = await events(organisation);
  await Promise.all([
    store.webhookOutbox.dispatch(NOW, 100),
    store.webhookOutbox.dispatch(NOW, 100),
  ]);
  if (event !== undefined) await store.events.raise(event);
  await round();
  expect(await events(organisation)).toHaveLength(1);
  expect(await deliveries(hook)).toHaveLength(1);
});

it('sixty changes are delivered once each to the subscribers of their organisation only', async () => {
  const organisation = anOrganisation();
  const asks = await endpoint(organisation);
  const other = await endpoint(organisation, ['token.refreshed']);
  const foreign = await endpoint(anOrganisation());
  const accounts = await Promise.all(Array.from({ length: 60 }, () => refused(organisation)));
  for (let at = 0; at < 3; at += 1) await round();
  const told = (
    await store.webhookDeliveries.list({
      organisation,
      endpointId: asks.id,
      limit: 500,
    })
  ).map(({ eventId }) => eventId);
  expect(new Set(told).size).toBe(60);
  expect(told.every((id) => accounts.some((account) => id.includes(account.id)))).toBe(true);
  expect(await deliveries(other)).toEqual([]);
  expect(await deliveries(foreign)).toEqual([]);
});

it('a refresh of a broken account reports its recovery; other refreshes are reported only to subscribers', async () => {
  const organisation = anOrganisation();
  const { id } = await refused(organisation);
  for (const announced of [false, false, true]) {
    const attemptId = `attempt-${randomUUID()}`;
    await store.grants.claim(claimOf(await accountOf(store, id), attemptId));
    const account = await accountOf(store, id);
    const commit = { ...commitOf(account, grantOf(attemptId), fromNow(1_000)), announced };
    expect(await store.grants.commit(commit)).toBe('committed');
    // Repeated: already committed.
    expect(await store.grants.commit(commit)).toBe('committed');
  }
  await round();
  const types = (await events(organisation)).map(({ type }) => type);
  expect(types.toSorted()).toEqual([
    'account.needs_reconnect',
    'account.recovered',
    'token.refreshed',
  ]);
});

it('a delivery with a lost workflow is started again, and a finished one is not', async () => {
  const organisation = anOrganisation();
  const hook = await endpoint(organisation);
  await refused(organisation);
  await round();
  const mine = async (at: Date) =>
    (await store.webhookOutbox.toStart(at, 500)).filter((one) => one.organisation === organisation);
  const [delivery] = await mine(NOW);
  if (delivery === undefined) throw new Error('no delivery');
  await store.webhookOutbox.started(delivery, NOW);
  expect(await mine(fromNow(60_000))).toEqual([]);
  // Silent for ten minutes: Temporal may have lost the workflow.
  expect(await mine(fromNow(601_000))).toHaveLength(1);
  await store.webhookOutbox.conclude(delivery, null, { nextTryAt: fromNow(3_600_000) });
  expect(await mine(fromNow(3_600_000))).toEqual([]);
  expect(await mine(fromNow(3_600_000 + 601_000))).toHaveLength(1);
  await store.webhookOutbox.conclude(delivery, null, { state: 'delivered', at: NOW });
  expect(await mine(fromNow(1e12))).toEqual([]);
  expect(await deliveries(hook)).toMatchObject([{ state: 'delivered', nextTryAt: null }]);
});

it('an endpoint is disabled once, with one event', async () => {
  const organisation = anOrganisation();
  const hook = await endpoint(organisation);
  const disable = () =>
    store.webhookOutbox.disable(hook, { reason: 'gone', message: 'It answered 410.' }, NOW);
  expect([await disable(), await disable()]).toEqual([true, false]);
  await round();
  expect(await events(organisation)).toMatchObject([{ type: 'webhook_endpoint.disabled' }]);
});
