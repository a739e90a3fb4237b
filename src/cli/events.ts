/** Columns of events, for the list and for the stream. */
import type { z } from 'zod';
import type { EventBody } from '../api/routes/webhooks/webhook-bodies';
import { type Columns, time } from './output';

export type Event = z.infer<typeof EventBody>;

export const EVENT_COLUMNS: Columns<Event> = {
  at: ({ at }) => time(at),
  type: ({ type }) => type,
  account: ({ data }) => data['account_id'],
  label: ({ data }) => data['label'],
  provider: ({ data }) => data['provider'],
  status: ({ data }) => data['status'],
  reason: ({ data }) => data['reason'],
  id: ({ id }) => id,
};
