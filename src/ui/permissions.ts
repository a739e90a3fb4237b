/** The permissions of a signed-in person. */
import type { Principal } from '../domain/access/principal';
import { hasScope } from '../domain/access/principal';
import type { Session } from './env';

/** Whether to show an organisation's accounts. */
export function mayRead(session: Pick<Session, 'scopes'>): boolean {
  return hasScope(session, 'read');
}

/** Whether to show actions on accounts and workflows of the organisation. */
export function mayAct(session: Pick<Session, 'scopes'>): boolean {
  return hasScope(session, 'admin');
}

/** Whether to show and change schedules and sweeps, which serve all organisations. */
export function mayOperate(session: Pick<Session, 'scopes'>): boolean {
  return hasScope(session, 'operator');
}

/** Whether a principal may open pages: all pages with `read`, and pages without accounts with `operator`. */
export function opensPages(principal: Pick<Principal, 'scopes'>): boolean {
  return mayRead(principal) || mayOperate(principal);
}
