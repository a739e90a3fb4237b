/** `evergrant workflows history`: prints the events of a workflow as sentences, oldest first. */
import type { Command } from '../command';
import { type Cell, time } from '../output';
import { limitOf } from '../pages';

/** The API's maximum page size. */
const PAGE_MAX = 1_000;

export const workflowsHistory: Command = {
  words: ['workflows', 'history'],
  positionals: ['id'],
  summary: 'List the events of a workflow as sentences, oldest first',
  options: {
    run: { type: 'string', value: 'id', help: 'run id (default: the newest run)' },
    limit: { type: 'string', value: 'number', help: 'maximum number of events (default: 1000)' },
  },
  more: 'acc_… is short for refresh-account/acc_….',
  async run({ api, out, options, positionals: [id = ''] }) {
    const workflow_id = id.includes('/') ? id : `refresh-account/${id}`;
    const limit = limitOf(options, PAGE_MAX);
    const get = (cursor: string | undefined, size: number) =>
      api.ask(({ admin }) =>
        admin.workflows[':workflow_id'].history.$get({
          param: { workflow_id },
          query: { run_id: options.text('run'), limit: Math.min(size, PAGE_MAX), cursor },
        }),
      );
    const history = await get(undefined, limit);
    while (history.next_cursor !== null && history.items.length < limit) {
      // oxlint-disable-next-line no-await-in-loop -- each page starts where the previous page ended
      const page = await get(history.next_cursor, limit - history.items.length);
      history.items.push(...page.items);
      history.next_cursor = page.next_cursor;
    }
    out.list(
      history,
      history.items,
      {
        event: (event): Cell => event.id,
        at: ({ at }) => time(at),
        what: ({ what }) => what,
        attempt: ({ attempt }) => attempt,
        'next retry': ({ next_retry_at: at }) => time(at),
        failure: ({ failure }) => failure,
      },
      'The workflow has no events that you may see.',
    );
    if (out.isForPeople)
      for (const { activity, attempt, failure, next_retry_at: at } of history.pending)
        out.line(
          `pending: ${activity}, attempt ${attempt}${at === null ? '' : `, next ${time(at) ?? ''}`}${failure === null ? '' : `: ${failure}`}`,
        );
    return 0;
  },
};
