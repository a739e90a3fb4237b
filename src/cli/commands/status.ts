/** `evergrant status`: prints accounts by status, the next sweeps and the running workflows. */
import type { Status } from '../../api/routes/overview/status';
import { ACCOUNT_STATUSES } from '../../domain/account/account';
import type { Command } from '../command';
import { coloured, lasting, time } from '../output';

export const status: Command = {
  words: ['status'],
  summary: 'How the accounts are, when the sweeps run next, and what is running',
  async run({ api, out, json }) {
    const body = await api.ask(({ admin }) => admin.status.$get());
    if (json) {
      out.json(body);
      return 0;
    }
    const rows = body.accounts.map((group) => [
      group.provider,
      group.environment,
      group.kind,
      group.total,
      ...counts(group.by_status),
      group.quarantined,
    ]);
    const quarantined = body.accounts.reduce((sum, group) => sum + group.quarantined, 0);
    if (rows.length > 1)
      rows.push(['all', null, null, body.total, ...counts(body.by_status), quarantined]);
    out.table(
      ['provider', 'environment', 'kind', 'accounts', ...ACCOUNT_STATUSES, 'quarantine'],
      rows,
      'No account is connected yet: evergrant accounts add --help',
    );
    if (body.as_of === null)
      out.line('Only some accounts are counted so far. Run this command again in a minute.');
    else if (body.as_of !== body.at) out.line(`Accounts as of ${time(body.as_of)}.`);
    out.line();
    out.table(
      ['schedule', 'every', 'state', 'next run', 'note'],
      body.providers.map((one) => [
        one.schedule_id,
        one.every_seconds === null ? 'other' : lasting(one.every_seconds * 1000),
        one.running ? 'running' : one.paused ? 'paused' : 'ok',
        time(one.next_run_at),
        one.note,
      ]),
      'There is no schedule: no worker has been started yet.',
    );
    out.line();
    for (const { provider, validated_recently: valid, invalid } of body.validations) {
      if (valid + invalid > 0)
        out.line(`${provider}: ${valid} access tokens validated lately, ${invalid} refused`);
    }
    for (const { provider, environment, cause, reason, warning } of body.apps) {
      const name = `${provider} (${environment})`;
      if (cause !== null) {
        const words = reason?.detail ? ` (“${reason.detail}”)` : '';
        out.line(coloured('red', `${name}: ${INCIDENTS[cause]} ${reason?.message}${words}`));
      }
      if (warning !== null) out.line(coloured('yellow', `${name}: ${warning}`));
    }
    const { sweeps, refreshes, workers } = body.running;
    out.line(`running: ${sweeps} sweeps, ${refreshes} refreshes, ${workers} workers`);
    if (workers === 0) out.line(coloured('red', 'No worker is running: nothing is refreshed.'));
    return 0;
  },
};

const INCIDENTS = {
  credentials: 'the provider refuses the OAuth app.',
  outage: 'the provider fails for all accounts.',
};

function counts(by: Status['by_status']): number[] {
  return ACCOUNT_STATUSES.map((name) => by[name]);
}
