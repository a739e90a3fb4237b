/** `evergrant statistics`: prints when tokens expire, and how the attempts of the last day ended. */
import type { Command } from '../command';
import { coloured, type Output, time } from '../output';

interface Ending {
  from: string;
  to: string;
  count: number;
}

export const statistics: Command = {
  words: ['statistics'],
  summary: 'Show when tokens expire, and how the attempts of the last 24 hours ended',
  more: 'CSV and JSON Lines have the attempts by hour; JSON has all numbers.',
  async run({ api, out }) {
    const body = await api.ask(({ admin }) => admin.statistics.$get());
    if (out.isForPeople) {
      showEndings(out, 'Access tokens that expire in the next 24 hours', body.access_tokens_ending);
      showEndings(
        out,
        'Refresh tokens that expire in the next 12 months',
        body.refresh_tokens_ending,
      );
      out.line(coloured('bold', 'Attempts of the last 24 hours'));
    }
    out.list(
      body,
      body.attempts,
      {
        from: ({ from }) => time(from),
        to: ({ to }) => time(to),
        refreshed: ({ refreshed }) => refreshed,
        failed: ({ failed }) => failed,
        'median ms': ({ p50_ms: ms }) => ms,
        '95th percentile ms': ({ p95_ms: ms }) => ms,
      },
      'No attempts in the last 24 hours.',
    );
    return 0;
  },
};

/** Leaves out the pieces without tokens. */
function showEndings(out: Output, title: string, endings: readonly Ending[]): void {
  out.line(coloured('bold', title));
  out.table(
    ['from', 'to', 'tokens'],
    endings
      .filter(({ count }) => count > 0)
      .map(({ from, to, count }) => [time(from), time(to), count]),
    'None.',
  );
  out.line();
}
