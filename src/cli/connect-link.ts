/** Prints the link of a connect session and waits until the owner has used it. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Context } from './command';
import { createProgress } from './progress';

/** Interval of the check whether the owner has finished, in ms. */
const POLL_EVERY_MS = 2_000;

const WAITING: Readonly<Record<string, string>> = {
  created: 'Waiting for the owner to open the link',
  opened: 'The link was opened; waiting for the consent',
  at_provider: 'The owner is at the provider',
  exchanging: 'Storing the consent',
  awaiting_finish: 'Waiting for the application to finish the session',
};

/** @returns the exit code: 0 once the account is connected, or at once without waiting */
export async function followLink(
  { api, out }: Pick<Context, 'api' | 'out'>,
  created: { id: string; url: string; account_id: string; expires_at: string },
  isWaiting: boolean,
): Promise<0 | 1> {
  // A waiting command prints two objects, one per line.
  const printsBoth = isWaiting && (out.format === 'json' || out.format === 'jsonl');
  if (printsBoth) out.jsonLine(created);
  else out.done(created, created.url);
  if (out.isForPeople) {
    out.remark(
      `Give this link to the owner of the account. It is good for one consent until ${created.expires_at}, and is not shown again.`,
    );
  }
  if (!isWaiting) return 0;
  const progress = createProgress(process.stderr);
  for (;;) {
    // oxlint-disable-next-line no-await-in-loop -- it waits for a person
    const session = await api.ask(({ admin }) =>
      admin.connect.sessions[':id'].$get({ param: { id: created.id } }),
    );
    const { status, failure } = session;
    const waiting = WAITING[status];
    if (waiting === undefined) {
      const ended =
        failure === null ? `The session is ${status}.` : `Not connected: ${failure.message}`;
      progress.end(status === 'connected' ? `Connected: ${session.account_id}` : ended);
      if (printsBoth) out.jsonLine(session);
      return status === 'connected' ? 0 : 1;
    }
    progress.show(() => (failure === null ? waiting : `${waiting} (${failure.message})`));
    // oxlint-disable-next-line no-await-in-loop
    await delay(POLL_EVERY_MS);
  }
}
