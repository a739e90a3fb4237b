/** `evergrant status`: prints accounts by status, the next sweeps and the running workflows. */
import type { Status } from '../../api/routes/overview/status';
import { ACCOUNT_STATUSES } from '../../domain/account/account';
import { noneYet } from '../../domain/text/messages';
import type { Command } from '../command';
import { type Columns, coloured, lasting, time } from '../output';
import { NO_SCHEDULES } from '../schedules';

export const status: Command = {
  words: ['status'],
  summary: 'Show accounts by status, the next sweeps, and what is running',
  async run({ api, out }) {
    const body = await api.ask(({ admin }) => admin.status.$get());
    if (!out.isForPeople) {
      out.list(body, body.accounts, COUNT_COLUMNS, NO_ACCOUNTS);
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
      body.total === null ? ACCOUNTS_NOT_VISIBLE : NO_ACCOUNTS,
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
      NO_SCHEDULES,
    );
    out.line();
    for (const { provider, validated_recently: valid, invalid } of body.validations) {
      if (valid + invalid > 0)
        out.line(
          `${provider}: ${valid} access tokens validated recently, ${invalid} refused by the provider`,
        );
    }
    for (const { provider, environment, cause, reason, warning } of body.apps) {
      const name = `${provider} (${environment})`;
      if (cause !== null) {
        const words = reason?.detail ? ` (“${reason.detail}”)` : '';
        out.line(coloured('red', `${name}: ${CAUSES[cause]} ${reason?.message}${words}`));
      }
      if (warning !== null) out.line(coloured('yellow', `${name}: ${warning}`));
    }
    const { sweeps, refreshes, workers } = body.running;
    out.line(`running: ${sweeps} sweeps, ${refreshes} refreshes, ${workers} workers`);
    if (workers === 0)
      out.line(
        coloured('red', 'No worker is running, so no account is refreshed. Start a worker.'),
      );
    return 0;
  },
};

const COUNT_COLUMNS: Columns<Status['accounts'][number]> = {
  provider: ({ provider }) => provider,
  environment: ({ environment }) => environment,
  kind: ({ kind }) => kind,
  accounts: ({ total }) => total,
  ...Object.fromEntries(
    ACCOUNT_STATUSES.map((name) => [
      name,
      ({ by_status: by }: Status['accounts'][number]) => by[name],
    ]),
  ),
  quarantine: ({ quarantined }) => quarantined,
};

const NO_ACCOUNTS = noneYet('accounts', 'Connect the first: evergrant accounts add --help');
const ACCOUNTS_NOT_VISIBLE =
  'Accounts are not shown, because this key lacks the scope "read". Use a key with "read" or "admin".';

const CAUSES = {
  credentials: 'the provider refuses the OAuth app.',
  outage: 'the provider fails for all accounts.',
};

function counts(by: Status['by_status']): number[] {
  return ACCOUNT_STATUSES.map((name) => by[name]);
}
