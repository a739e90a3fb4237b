/** `evergrant sweeps`: lists the sweeps, newest first. */
import type { WorkflowStatus } from '../../temporal/workflow-client';
import type { Command } from '../command';
import { lasting, time } from '../output';
import { emptyText, limitOf, pages, remarkMore } from '../pages';

const PAGE_MAX = 100;

export const sweeps: Command = {
  words: ['sweeps'],
  summary: 'List the sweeps and, for operators, their results; newest first',
  options: {
    provider: { type: 'string', value: 'name', help: 'only this provider' },
    status: {
      type: 'string',
      value: 'status',
      help: 'only this status: running, completed, failed, terminated, …',
    },
    limit: { type: 'string', value: 'number', help: 'maximum number of results (default: 20)' },
  },
  async run({ api, out, json, options }) {
    const filters = {
      provider: options.text('provider'),
      status: options.word<WorkflowStatus>('status'),
    };
    const page = await pages({ limit: limitOf(options, 20), pageMax: PAGE_MAX }, (part) =>
      api.ask(({ admin }) => admin.sweeps.$get({ query: { ...filters, ...part } })),
    );
    if (json) out.json(page);
    else {
      out.table(
        ['started', 'took', 'status', 'source', 'result', 'workflow'],
        page.items.map((sweep) => [
          time(sweep.started_at),
          lasting(sweep.duration_ms),
          sweep.status,
          sweep.source,
          sweep.result?.text ?? sweep.failure,
          sweep.workflow_id,
        ]),
        emptyText('sweeps', filters),
      );
      remarkMore(out, page);
    }
    return 0;
  },
};
