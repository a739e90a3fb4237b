/** A session as a sign-in stores it. */
import { createHash, randomBytes } from 'node:crypto';
import type { SessionRecord } from '../../src/store/access/session-records';

const HOUR_MS = 3_600_000;

export function sessionRecord(members: Partial<SessionRecord> = {}): SessionRecord {
  const createdAt = members.createdAt ?? new Date();
  const expiresAt = new Date(createdAt.getTime() + HOUR_MS);
  return {
    id: `ses_${randomBytes(8).toString('hex')}`,
    secretSha256: createHash('sha256').update(randomBytes(32)).digest('hex'),
    organisation: `org-${randomBytes(4).toString('hex')}`,
    actor: randomBytes(8).toString('hex'),
    by: 'key',
    scopes: ['admin'],
    createdAt,
    expiresAt,
    removeAt: expiresAt,
    sourceFingerprint: randomBytes(9).toString('base64url'),
    issuer: null,
    subject: null,
    providerSession: null,
    ...members,
  };
}
