/** `evergrant token`: prints a valid access token of one account, and nothing else. */
import { duration } from '../../domain/text/duration';
import type { Command, Options } from '../command';
import { UsageError } from '../errors';

export const token: Command = {
  words: ['token'],
  optional: 'account',
  summary: 'Print a valid access token of an account, and nothing else',
  options: {
    provider: {
      type: 'string',
      value: 'name',
      help: 'provider of the account, with --external-id in place of the id of the account',
    },
    'external-id': { type: 'string', value: 'id', help: 'id of the account at the provider' },
    environment: {
      type: 'string',
      value: 'name',
      help: "with --external-id: environment (default: the provider's default)",
    },
    kind: { type: 'string', value: 'name', help: 'with --external-id: kind of account' },
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
  async run({ api, out, options, positionals: [id] }) {
    const query = { min_valid_seconds: secondsOf(options.text('min-valid')) };
    const named = namedAccount(options);
    if ((id === undefined) === (named === null))
      throw new UsageError('use either the id of an account, or --provider with --external-id');
    const answer = await api.ask(({ tokens }) =>
      named === null
        ? tokens[':account_id'].$get({ param: { account_id: id ?? '' }, query })
        : tokens[':provider'][':external_id'].$get({
            param: named.param,
            query: { ...query, ...named.query },
          }),
    );
    if (answer.active || !out.isForPeople)
      out.done(answer, answer.active ? answer.access_token : '');
    if (!answer.active) {
      out.remark(`evergrant: ${answer.message} (${answer.reason})`);
      return 1;
    }
    if (answer.fallback) out.remark('evergrant: The refresh failed. This is the fallback token.');
    if (answer.notice !== undefined) out.remark(`evergrant: ${answer.notice.message}`);
    return 0;
  },
};

/** @throws {UsageError} if the options name only a part of an account */
function namedAccount(options: Options) {
  const [provider, external_id] = [options.text('provider'), options.text('external-id')];
  const query = { environment: options.text('environment'), kind: options.text('kind') };
  if (provider !== undefined && external_id !== undefined)
    return { param: { provider, external_id }, query };
  if ([provider, external_id, ...Object.values(query)].some((value) => value !== undefined))
    throw new UsageError('--provider and --external-id must be used together');
  return null;
}

function secondsOf(given: string | undefined): number | undefined {
  if (given === undefined) return undefined;
  const parsed = duration.safeParse(given);
  if (!parsed.success)
    throw new UsageError(`--min-valid must be a duration such as 90s, 5m or 1h, not "${given}"`);
  return Math.ceil(parsed.data / 1000);
}
