/** `evergrant token`: prints a valid access token of one account, and nothing else. */
import { duration } from '../../domain/text/duration';
import type { Command } from '../command';
import { UsageError } from '../errors';

export const token: Command = {
  words: ['token'],
  places: ['account'],
  summary: 'Print an access token that is valid now, and nothing else',
  options: {
    'min-valid': { type: 'string', value: 'duration', help: 'how long it must still live (60s)' },
  },
  more: [
    'Needs a key with the scope "tokens". Where there is no token, the reason is said on stderr and it ends with 1.',
    '',
    '  curl -H "Authorization: Bearer $(evergrant token acc_… --min-valid 5m)" https://…',
  ].join('\n'),
  async run({ api, out, json, options, places: [id = ''] }) {
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
    if (answer.fallback) out.remark('evergrant: refreshing failed; this is the fallback token');
    if (answer.notice !== undefined) out.remark(`evergrant: ${answer.notice.message}`);
    return 0;
  },
};

function secondsOf(given: string | undefined): number | undefined {
  if (given === undefined) return undefined;
  const parsed = duration.safeParse(given);
  if (!parsed.success)
    throw new UsageError(`--min-valid takes a duration such as 90s, 5m or 1h, not "${given}"`);
  return Math.ceil(parsed.data / 1000);
}
