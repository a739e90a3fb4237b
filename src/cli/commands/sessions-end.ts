/** `evergrant sessions end`: ends sessions by id, or all sessions of one actor. */
import type { Command } from '../command';
import { UsageError } from '../errors';

export const sessionsEnd: Command = {
  words: ['sessions', 'end'],
  rest: 'id',
  summary: 'End sessions of people who are signed in to the pages',
  options: {
    actor: { type: 'string', value: 'actor', help: 'all sessions of this actor, in place of ids' },
  },
  more: 'To keep a person out, revoke the key or remove the person at the provider first.',
  async run({ api, out, json, options, places: ids }) {
    const actor = options.text('actor');
    if ((actor === undefined) === (ids.length === 0)) throw new UsageError('takes ids, or --actor');
    let ended = ids.length;
    if (actor !== undefined)
      ({ ended } = await api.ask(({ admin }) => admin.sessions.end.$post({ json: { actor } })));
    // oxlint-disable-next-line no-await-in-loop -- the first that does not exist stops the command
    for (const id of ids)
      await api.ask(({ admin }) => admin.sessions[':id'].$delete({ param: { id } }));
    if (json) out.json({ ended });
    else out.line(`Ended: ${ended}`);
    return 0;
  },
};
