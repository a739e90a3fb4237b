/** `evergrant workflows list`: lists the workflows of the organisation's accounts, and the sweeps. */
import type { LogSource } from '../../domain/logs/log-entry';
import type { WorkflowStatus, WorkflowType } from '../../temporal/workflow-client';
import type { Command } from '../command';
import { lasting, time } from '../output';
import { emptyText, limitOf, pages, remarkMore } from '../pages';

const PAGE_MAX = 500;

export const workflowsList: Command = {
  words: ['workflows', 'list'],
  summary: "List the workflows of your organisation's accounts, and the sweeps; running ones first",
  options: {
    type: {
      type: 'string',
      value: 'type',
      help: 'only this type: refresh, sweep, validation or, for operators, batch',
    },
    provider: { type: 'string', value: 'name', help: 'only this provider' },
    account: { type: 'string', value: 'id', help: 'only this account' },
    status: {
      type: 'string',
      value: 'status',
      help: 'only this status: running, completed, failed, terminated, …',
    },
    source: {
      type: 'string',
      value: 'source',
      help: 'only this source: scheduled, debug, admin or api',
    },
    outcome: {
      type: 'string',
      value: 'word',
      help: 'only this outcome: refreshed, skipped, or a failure code',
    },
    limit: { type: 'string', value: 'number', help: 'maximum number of results (default: 20)' },
  },
  async run({ api, out, json, options }) {
    const filters = {
      type: options.word<WorkflowType>('type'),
      provider: options.text('provider'),
      account_id: options.text('account'),
      status: options.word<WorkflowStatus>('status'),
      source: options.word<LogSource>('source'),
      outcome: options.text('outcome'),
    };
    const page = await pages({ limit: limitOf(options, 20), pageMax: PAGE_MAX }, (part) =>
      api.ask(({ admin }) => admin.workflows.$get({ query: { ...filters, ...part } })),
    );
    if (json) out.json(page);
    else {
      out.table(
        ['workflow', 'status', 'outcome', 'source', 'attempts', 'started', 'took'],
        page.items.map((workflow) => [
          workflow.workflow_id,
          workflow.status,
          workflow.outcome,
          workflow.source,
          workflow.attempts,
          time(workflow.started_at),
          lasting(workflow.duration_ms),
        ]),
        `${emptyText('workflows', filters)} Temporal deletes closed workflows after its retention period.`,
      );
      remarkMore(out, page);
    }
    return 0;
  },
};
