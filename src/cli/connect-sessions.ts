/** Columns and pairs of connect sessions. They never contain the link. */
import type { z } from 'zod';
import type { ConnectSessionBody } from '../api/routes/connect/session-body';
import { type Columns, type Pairs, time } from './output';

type ConnectSession = z.infer<typeof ConnectSessionBody>;

export const CONNECT_SESSION_COLUMNS: Columns<ConnectSession> = {
  id: ({ id }) => id,
  status: ({ status }) => status,
  account: ({ account_id: account }) => account,
  provider: ({ provider }) => provider,
  label: ({ label }) => label,
  created: ({ created_at: at }) => time(at),
  expires: ({ expires_at: at }) => time(at),
  failure: ({ failure }) => failure?.code,
};

export function connectSessionPairs(session: ConnectSession): Pairs {
  const { failure } = session;
  return [
    ['id', session.id],
    ['status', session.status],
    ['since', time(session.status_at)],
    ['account', session.account_id],
    ['reconnect', session.reconnect ? 'yes' : 'no'],
    ['provider', `${session.provider} (${session.environment})`],
    ['external id', session.external_id],
    ['label', session.label],
    ['kind', session.kind],
    ['mode', session.mode],
    ['created by', session.created_by],
    ['created', time(session.created_at)],
    ['expires', time(session.expires_at)],
    ['failure', failure && `${failure.code}: ${failure.message}`],
    ['provider message', failure?.detail],
  ];
}
