/** The retry schedule of deliveries, and the payload of events. */
import {
  appEvent,
  EVENT_TYPES,
  type EventType,
  eventPayload,
  needsReconnectEvent,
  STATE_EVENT_TYPES,
} from '../../../src/domain/events/event';
import {
  DELIVERY_POLICY,
  holdMs,
  isLastTry,
  pauseBeforeTryMs,
} from '../../../src/domain/events/webhook-delivery';

const account = {
  id: 'acc_1',
  organisation: 'org',
  label: 'x'.repeat(200),
  provider: 'ebay',
  environment: 'production',
};
const AT = new Date('2026-11-22T12:00:00.000Z');

it('a delivery has ten attempts in three days: after 0, 5 s, 5 min, 30 min, 2, 5, 10, 14, 20 and 24 h', () => {
  const pauses = Array.from({ length: 10 }, (_, at) =>
    pauseBeforeTryMs(DELIVERY_POLICY, at + 1, null, 0),
  );
  const seconds = pauses.map((pauseMs) => pauseMs && pauseMs / 1000);
  const hours = [2, 5, 10, 14, 20, 24].map((hour) => hour * 3600);
  expect(seconds).toEqual([5, 300, 1800, ...hours, null]);
  expect(isLastTry(DELIVERY_POLICY, 8)).toBe(false);
  expect(isLastTry(DELIVERY_POLICY, 9)).toBe(true);
});

it('jitter delays an attempt by up to a tenth, and never moves it earlier', () => {
  expect(pauseBeforeTryMs(DELIVERY_POLICY, 2, null, 0)).toBe(300_000);
  expect(pauseBeforeTryMs(DELIVERY_POLICY, 2, null, 1)).toBe(330_000);
});

it('a pause lasts as long as the receiver asks if that is longer', () => {
  expect(pauseBeforeTryMs(DELIVERY_POLICY, 1, 60_000, 0)).toBe(60_000);
  expect(pauseBeforeTryMs(DELIVERY_POLICY, 3, 60_000, 0)).toBe(1_800_000);
});

it('the hold of a failing endpoint doubles up to five minutes, or lasts as long as the endpoint asks', () => {
  expect([1, 2, 3, 7, 1_000].map((failures) => holdMs(DELIVERY_POLICY, failures, null))).toEqual([
    5_000, 10_000, 20_000, 300_000, 300_000,
  ]);
  expect(holdMs(DELIVERY_POLICY, 1, 3_600_000)).toBe(3_600_000);
});

it('the id of an event is derived from its subject and time, and has no full stop', () => {
  const event = (at: Date) =>
    needsReconnectEvent(account, { state: 'needs_reconnect', reason: 'invalid_grant', at });
  expect(event(AT).id).toBe(event(AT).id);
  expect(event(AT).id).not.toBe(event(new Date(AT.getTime() + 1)).id);
  expect(event(AT).id).toMatch(/^[\w-]+$/);
  const app = (provider: string, at: Date) =>
    appEvent({ provider, environment: 'production', since: AT, at }, { type: 'app.recovered' });
  expect(app('my.own', AT).id).toMatch(/^[\w-]+$/);
  expect(app('ebay', new Date()).id).toBe(app('ebay', AT).id);
});

it('an event with the longest label is far smaller than 20 kB', () => {
  const event = needsReconnectEvent(account, { state: 'inactive', reason: 'x', at: AT });
  expect(JSON.parse(eventPayload(event))).toMatchObject({ data: { status: 'inactive' } });
  expect(eventPayload(event).length).toBeLessThan(1_000);
});

it('the default subscription has all events except token.refreshed', () => {
  const refreshed: EventType = 'token.refreshed';
  expect([...STATE_EVENT_TYPES, refreshed].toSorted()).toEqual(EVENT_TYPES.toSorted());
});
