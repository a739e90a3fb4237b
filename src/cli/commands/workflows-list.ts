/** `evergrant workflows list`: lists the workflows of the organisation's accounts, and the sweeps. */
import type { LogSource } from '../../domain/logs/log-entry';
import type { WorkflowStatus, WorkflowType } from '../../temporal/workflow-client';
import type { Command } from '../command';
import { lasting, time } from '../output';
import {
  emptyText,
  FILTERS_REPEAT,
  limitOf,
  pages,
  providerFilters,
  rangeOf,
  rangeOptions,
  showResults,
  within,
} from '../pages';

export const workflowsList: Command = {
  words: ['workflows', 'list'],
  summary: "List the workflows of your organisation's accounts, and the sweeps; running ones first",
  options: {
    type: {
      type: 'string',
      multiple: true,
      value: 'type',
      help: 'only this type: refresh, sweep, validation or, for operators, batch',
    },
    provider: providerFilters.provider,
    account: { type: 'string', value: 'id', help: 'only this account' },
    status: {
      type: 'string',
      multiple: true,
      value: 'status',
      help: 'only this status: running, completed, failed, terminated, …',
    },
    source: {
      type: 'string',
      multiple: true,
      value: 'source',
      help: 'only this source: scheduled, debug, admin or api',
    },
    outcome: {
      type: 'string',
      multiple: true,
      value: 'word',
      help: 'only this outcome: refreshed, skipped, or a failure code',
    },
    ...rangeOptions,
    limit: { type: 'string', value: 'number', help: 'maximum number of results (default: 20)' },
  },
  more: FILTERS_REPEAT,
  async run({ api, out, options }) {
    const filters = {
      type: options.filter<WorkflowType>('type'),
      provider: options.filter('provider'),
      account_id: options.text('account'),
      status: options.filter<WorkflowStatus>('status'),
      source: options.filter<LogSource>('source'),
      outcome: options.filter('outcome'),
    };
    const range = rangeOf(options);
    const found = await pages(
      (part) => api.ask(({ admin }) => admin.workflows.$get({ query: { ...filters, ...part } })),
      // Running workflows come first, so the list is not in the order of time.
      { limit: limitOf(options, 20), keep: within(range) },
    );
    showResults(
      out,
      found,
      {
        workflow: ({ workflow_id: id }) => id,
        status: ({ status }) => status,
        outcome: ({ outcome }) => outcome,
        source: ({ source }) => source,
        attempts: ({ attempts }) => attempts,
        started: ({ started_at: at }) => time(at),
        took: ({ duration_ms: ms }) => lasting(ms),
      },
      `${emptyText('workflows', { ...filters, ...range })} Temporal deletes closed workflows after its retention period.`,
    );
    return 0;
  },
};
