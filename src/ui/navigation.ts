/** The navigation entries, in display order, and the sessions that may open them. */
import type { Session } from './env';
import { mayAct, mayOperate, mayRead } from './permissions';

export const NAVIGATION = [
  { path: '/admin/overview', title: 'Overview', for: 'all' },
  { path: '/admin/workers', title: 'Workers', for: 'all' },
  { path: '/admin/accounts', title: 'Accounts', for: 'readers' },
  { path: '/admin/quarantine', title: 'Quarantine', for: 'readers' },
  { path: '/admin/terminal', title: 'Terminal', for: 'readers' },
  { path: '/admin/workflows', title: 'Workflows', for: 'all' },
  { path: '/admin/events', title: 'Events', for: 'readers' },
  { path: '/admin/webhooks', title: 'Webhooks', for: 'admins' },
  { path: '/admin/deliveries', title: 'Deliveries', for: 'admins' },
  { path: '/admin/token-accesses', title: 'Token accesses', for: 'admins' },
  { path: '/admin/audit', title: 'Audit', for: 'admins' },
  { path: '/admin/keys', title: 'API keys', for: 'admins' },
  { path: '/admin/providers', title: 'Providers', for: 'readers' },
  { path: '/admin/encryption', title: 'Encryption', for: 'operators' },
  { path: '/admin/settings', title: 'Settings', for: 'operators' },
  { path: '/docs', title: 'API', for: 'all' },
] as const;

export type Section = (typeof NAVIGATION)[number]['path'];

export function isOpenTo(
  session: Pick<Session, 'scopes'>,
  entry: { for: 'all' | 'readers' | 'admins' | 'operators' },
): boolean {
  if (entry.for === 'admins') return mayAct(session);
  if (entry.for === 'operators') return mayOperate(session);
  return entry.for === 'all' || mayRead(session);
}
