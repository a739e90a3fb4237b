/** `evergrant debug`: refreshes one account and prints the whole exchange with the provider, masked. */
import type { z } from 'zod';
import type { LogEntryBody } from '../../api/routes/terminal/log-entry-body';
import type { Command } from '../command';
import { coloured, lasting, type Output, time } from '../output';

type Entry = z.infer<typeof LogEntryBody>;

export const debug: Command = {
  words: ['debug'],
  positionals: ['account'],
  summary:
    'Refresh an account even if it is not due, and show the masked exchange with the provider',
  more: [
    'Secrets are masked: a token is shown as a prefix and its length.',
    'Exit code 1: the account was not refreshed.',
  ].join('\n'),
  async run({ api, out, positionals: [id = ''] }) {
    const { provider } = await api.ask(({ admin }) =>
      admin.accounts[':id'].$get({ param: { id } }),
    );
    const outcome = await api.ask(({ admin }) =>
      admin[':provider'].token['refresh-debug'].$post({
        param: { provider },
        json: { account_id: id },
      }),
    );
    out.one(outcome, [
      ['outcome', outcome.outcome],
      ['reason', outcome.message ?? outcome.reason],
      ['token expires', time(outcome.expires_at)],
      ['log entry', outcome.log_entry_id],
      ['workflow', outcome.workflow_id],
    ]);
    if (out.isForPeople) {
      if (outcome.entry !== null) showExchange(out, outcome.entry);
      const { comparison } = await api.ask(({ admin }) =>
        admin.accounts[':id'].diagnostics.$get({ param: { id } }),
      );
      out.line();
      out.line(comparison.message);
    }
    return outcome.outcome === 'refreshed' ? 0 : 1;
  },
};

function showExchange(out: Output, { request, response, steps, diagnostics, error }: Entry): void {
  const title = (text: string) => {
    out.line();
    out.line(coloured('bold', text));
  };
  if (steps !== undefined && steps.length > 0) {
    title('Steps');
    for (const { step, at, duration_ms: ms } of steps)
      out.line(`${time(at) ?? ''}  ${step}  ${lasting(ms) ?? 'did not end'}`);
  }
  if (request !== null) {
    title('Request');
    out.line(`${request.method} ${request.url}`);
    showMembers(out, request.headers);
    showMembers(out, request.body ?? { refresh_token: request.refresh_token });
  }
  if (response !== null) {
    title('Response');
    out.line(`${response.status} after ${lasting(response.duration_ms) ?? ''}`);
    showMembers(out, response.headers);
    if (response.body !== undefined) out.line(JSON.stringify(response.body, null, 2));
  }
  if (error !== null) {
    title('Error');
    out.line(`${error.code}: ${error.message}`);
    if (error.detail !== undefined) out.line(error.detail);
  }
  if (diagnostics !== null) {
    title('Diagnostics');
    const { warnings, ...members } = diagnostics;
    showMembers(out, members);
    for (const warning of warnings) out.line(coloured('yellow', warning));
  }
}

function showMembers(out: Output, members: Readonly<Record<string, unknown>> = {}): void {
  for (const [name, value] of Object.entries(members))
    if (value !== undefined && value !== null)
      out.line(`${name}: ${typeof value === 'string' ? value : JSON.stringify(value)}`);
}
