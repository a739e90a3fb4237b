/** `evergrant sweeps`: lists the sweeps, newest first. */
import type { WorkflowStatus } from '../../temporal/workflow-client';
import type { Command } from '../command';
import { lasting, time } from '../output';
import { emptyText, limitOf, pages, rangeOf, rangeOptions, showResults } from '../pages';

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
    ...rangeOptions,
    limit: { type: 'string', value: 'number', help: 'maximum number of results (default: 20)' },
  },
  async run({ api, out, options }) {
    const filters = {
      provider: options.text('provider'),
      status: options.word<WorkflowStatus>('status'),
    };
    const range = rangeOf(options);
    const found = await pages(
      (part) => api.ask(({ admin }) => admin.sweeps.$get({ query: { ...filters, ...part } })),
      { limit: limitOf(options, 20), pageMax: PAGE_MAX, range, at: (one) => one.started_at },
    );
    showResults(
      out,
      found,
      {
        started: ({ started_at: at }) => time(at),
        took: ({ duration_ms: ms }) => lasting(ms),
        status: ({ status }) => status,
        source: ({ source }) => source,
        result: ({ result, failure }) => result?.text ?? failure,
        workflow: ({ workflow_id: id }) => id,
      },
      emptyText('sweeps', { ...filters, ...range }),
    );
    return 0;
  },
};
