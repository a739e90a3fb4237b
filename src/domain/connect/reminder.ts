/** When the owner of an account that needs a reconnect gets an e-mail. Pure. */

const DAY_MS = 24 * 3600_000;

/** When the reminders are due, in ms after the account began to need a reconnect. */
const AFTER_MS = [0, 3 * DAY_MS, 7 * DAY_MS] as const;

/** The minimum time between two e-mails to one address, in ms. */
export const BETWEEN_MAILS_MS = DAY_MS;

/** After this time, in ms, no reminder is sent: a mail server that failed for weeks must not send old requests. */
export const REMINDERS_END_MS = 14 * DAY_MS;

/** The reminders that an account has got. */
export interface Reminders {
  /** When the account began to need the reconnect that they are about. */
  since: Date;
  sent: number;
}

/** Counts only the reminders about the present state, not those about an earlier one. */
export function remindersSent({
  stateAt,
  reminders,
}: {
  stateAt: Date;
  reminders: Reminders | null;
}): number {
  return reminders !== null && reminders.since.getTime() === stateAt.getTime() ? reminders.sent : 0;
}

export function isReminderDue(
  account: { stateAt: Date; reminders: Reminders | null },
  now: Date,
): boolean {
  const lastsMs = now.getTime() - account.stateAt.getTime();
  const afterMs = AFTER_MS[remindersSent(account)];
  return afterMs !== undefined && lastsMs >= afterMs && lastsMs < REMINDERS_END_MS;
}
