import {
  type ConnectSession,
  canStart,
  EXCHANGE_MAX_MS,
  FINISH_WITHIN_MS,
  failureAt,
  statusAt,
} from '../../../src/domain/connect/connect-session';
import { newConnectSession } from '../../store/_connect-session';

const NOW = new Date('2026-11-30T12:00:00Z');
const later = (ms: number) => new Date(NOW.getTime() + ms);

const session = (overrides: Partial<ConnectSession>): ConnectSession => ({
  ...newConnectSession({ createdAt: NOW, expiresAt: later(60_000) }),
  status: 'created',
  statusAt: NOW,
  failure: null,
  otherAccountId: null,
  leg: null,
  pending: null,
  ...overrides,
});

it('expires a link without a consent', () => {
  for (const status of ['created', 'opened', 'at_provider'] as const) {
    expect(statusAt(session({ status }), later(59_999))).toBe(status);
    expect(statusAt(session({ status }), later(60_000))).toBe('expired');
    expect(canStart(session({ status }), later(60_000))).toBe(false);
  }
  expect(statusAt(session({ status: 'connected' }), later(60_000))).toBe('connected');
});

it('reports an exchange that lost its process as answer_lost', () => {
  const exchanging = session({ status: 'exchanging' });
  expect(statusAt(exchanging, later(EXCHANGE_MAX_MS))).toBe('exchanging');
  expect(statusAt(exchanging, later(EXCHANGE_MAX_MS + 1))).toBe('failed');
  expect(failureAt(exchanging, later(EXCHANGE_MAX_MS + 1))).toMatchObject({ code: 'answer_lost' });
});

it('reports a consent that no application finished as not_finished', () => {
  const waiting = session({ status: 'awaiting_finish' });
  expect(failureAt(waiting, later(FINISH_WITHIN_MS))).toBeNull();
  expect(failureAt(waiting, later(FINISH_WITHIN_MS + 1))).toMatchObject({ code: 'not_finished' });
});
