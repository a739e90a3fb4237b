/** Connect sessions to create in tests. */
import { randomBytes } from 'node:crypto';
import type { NewConnectSession } from '../../src/store/connect/connect-sessions';

const HALF_AN_HOUR_MS = 30 * 60_000;

/** A link for a new eBay account, which expires half an hour after its creation. */
export function newConnectSession(overrides: Partial<NewConnectSession> = {}): NewConnectSession {
  const createdAt = overrides.createdAt ?? new Date();
  return {
    id: `ccs_${randomBytes(8).toString('hex')}`,
    organisation: 'org_a',
    provider: 'ebay',
    environment: 'production',
    accountId: `acc_${randomBytes(8).toString('hex')}`,
    isReconnect: false,
    externalId: null,
    label: null,
    kind: null,
    scopes: null,
    requiredScopes: [],
    inputs: {},
    expectedSubject: null,
    allowSubjectChange: false,
    mode: 'link',
    challenge: null,
    returnUrl: null,
    createdBy: 'key 1',
    createdAt,
    expiresAt: new Date(createdAt.getTime() + HALF_AN_HOUR_MS),
    ...overrides,
  };
}
