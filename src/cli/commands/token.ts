/** `evergrant token`: prints a valid access token of one account, and nothing else. */
import { duration } from '../../domain/text/duration';
import type { Command } from '../command';
import { UsageError } from '../errors';

export const token: Command = {
  words: ['token'],
  positionals: ['account'],
  summary: 'Print a valid access token of an account, and nothing else',
  options: {
    'min-valid': {
      type: 'string',
      value: 'duration',
      help: 'time for which the token must remain valid (default: 60s)',
    },
  },
  more: [
    'The API key needs the scope "tokens". Without a valid token, the command prints the reason to stderr and exits',
    'with 1.',
    '',
    'Example:',
    '  curl -H "Authorization: Bearer $(evergrant token acc_… --min-valid 5m)" https://…',
  ].join('\n'),
  async run({ api, out, json, options, positionals: [id = ''] }) {
    const query = { min_valid_seconds: secondsOf(options.text('min-valid')) };
    const answer = await api.ask(({ tokens }) =>
      tokens[':account_id'].$get({ param: { account_id: id }, query }),
    );
    if (json) out.json(answer);
    else if (answer.active) out.line(answer.access_token);
    if (!answer.active) {
      out.remark(`evergrant: ${answer.message} (${answer.reason})`);
      return 1;
    }
    if (answer.fallback) out.remark('evergrant: The refresh failed. This is the fallback token.');
    if (answer.notice !== undefined) out.remark(`evergrant: ${answer.notice.message}`);
    return 0;
  },
};

function secondsOf(given: string | undefined): number | undefined {
  if (given === undefined) return undefined;
  const parsed = duration.safeParse(given);
  if (!parsed.success)
    throw new UsageError(`--min-valid must be a duration such as 90s, 5m or 1h, not "${given}"`);
  return Math.ceil(parsed.data / 1000);
}
