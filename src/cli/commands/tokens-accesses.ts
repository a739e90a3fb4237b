/** `evergrant tokens accesses`: lists the callers that received a token of an account. */
import { noneYet } from '../../domain/text/messages';
import type { Command } from '../command';
import { time } from '../output';
import { limitOf, limitOption, pages, rangeOf, rangeOptions, showResults } from '../pages';

export const tokensAccesses: Command = {
  words: ['tokens', 'accesses'],
  positionals: ['account'],
  summary: 'List the callers that received a token of an account, newest first',
  options: { ...rangeOptions, limit: limitOption },
  async run({ api, out, options, positionals: [id = ''] }) {
    const found = await pages(
      ({ limit, cursor: before }) =>
        api.ask(({ admin }) =>
          admin.accounts[':id']['token-accesses'].$get({
            param: { id },
            query: { limit, before },
          }),
        ),
      {
        limit: limitOf(options),
        range: rangeOf(options),
        at: ({ at }) => at,
      },
    );
    showResults(
      out,
      found,
      {
        at: ({ at }) => time(at),
        caller: ({ key_id: caller }) => caller,
        source: ({ source }) => source,
        'valid for seconds': ({ remaining_seconds: seconds }) => seconds,
        generation: ({ generation }) => generation,
        token: ({ access_token_fingerprint: fingerprint }) => fingerprint,
        request: ({ request_id: request }) => request,
      },
      noneYet('token accesses'),
    );
    return 0;
  },
};
