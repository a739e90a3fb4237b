/** `evergrant sessions end`: ends sessions by id, or all sessions of one actor. */
import type { Command } from '../command';
import { UsageError } from '../errors';

export const sessionsEnd: Command = {
  words: ['sessions', 'end'],
  rest: 'id',
  summary: 'End sessions of people who are signed in to the web pages',
  options: {
    actor: {
      type: 'string',
      value: 'actor',
      help: 'end all sessions of this actor; use it instead of ids',
    },
  },
  more: 'An ended session does not prevent a new sign-in. First revoke the API key, or remove the person at the OpenID provider.',
  async run({ api, out, options, positionals: ids }) {
    const actor = options.text('actor');
    if ((actor === undefined) === (ids.length === 0))
      throw new UsageError('use either session ids or --actor');
    let ended = ids.length;
    if (actor !== undefined)
      ({ ended } = await api.ask(({ admin }) => admin.sessions.end.$post({ json: { actor } })));
    // oxlint-disable-next-line no-await-in-loop -- the command stops at the first session that does not exist
    for (const id of ids)
      await api.ask(({ admin }) => admin.sessions[':id'].$delete({ param: { id } }));
    out.done({ ended }, `Ended: ${ended}`);
    return 0;
  },
};
