/** Workflow history: the sweeps, and the organisation's refreshes, from Temporal. */
import { z } from 'zod';
import { LOG_SOURCES } from '../../domain/logs/log-entry';
import { FAILURE_CODES } from '../../domain/refresh/refresh-failure';
import { type SweepSummary, summaryText } from '../../domain/refresh/sweep';
import {
  type ListedWorkflow,
  WORKFLOW_STATUSES,
  WORKFLOW_TYPES,
  type WorkflowStatus,
  type WorkflowType,
} from '../../temporal/workflow-client';
import { many, moment, single, span, text } from '../list-query';
import { Badge, type Tone } from '../parts/badge';
import { type RepeatedBy, repeatedList, sameName, TIME_FILTERS } from '../parts/commands';
import { FilterBar, Many, PastTimeRange } from '../parts/filter-bar';
import { type Column, ColumnChoice, List, type ListProps } from '../parts/list';
import { duration, Moment } from '../parts/time';

export interface WorkflowRow extends ListedWorkflow {
  /** The account's label; `null` if the workflow has no account, or the account is deleted. */
  label: string | null;
  /** `null` if the workflow has no account. */
  attempts: number | null;
  /** Only for a sweep with a result. */
  summary: SweepSummary | null;
  failure: string | null;
}

export const WORKFLOWS_PATH = '/admin/workflows';

export const WorkflowsQuery = z.object({
  type: many(z.enum(WORKFLOW_TYPES)),
  status: many(z.enum(WORKFLOW_STATUSES)),
  provider: many(text(64)),
  outcome: many(text(64)),
  source: many(z.enum(LOG_SOURCES)),
  account_id: single(text(64)),
  since: single(span),
  from: single(moment),
  to: single(moment),
  column: many(text(32)),
  cursor: single(z.string().max(4096)),
});
export type WorkflowsQuery = z.infer<typeof WorkflowsQuery>;

/** The outcomes of workflows of accounts: those of an attempt, and the codes of failures. */
const OUTCOMES = [
  'refreshed',
  'skipped',
  'claimed_elsewhere',
  'valid',
  'invalid',
  ...FAILURE_CODES,
];

export const WORKFLOW_COLUMNS: readonly Column<WorkflowRow>[] = [
  {
    id: 'workflow',
    title: 'Workflow',
    names: true,
    flexible: true,
    value: ({ workflowId }) => workflowId,
    cell: (row) => (
      <>
        <a href={workflowPath(row)}>{row.label ?? row.accountId ?? nameOf(row)}</a>
        <span class="detail">
          {row.accountId === null
            ? row.workflowId
            : `${row.type} ${row.provider ?? ''} · ${row.accountId}`}
        </span>
      </>
    ),
  },
  {
    id: 'outcome',
    title: 'Outcome',
    value: ({ outcome, status }) => outcome ?? status,
    cell: (row) => <Outcome row={row} />,
  },
  {
    id: 'status',
    title: 'Status in Temporal',
    optional: true,
    value: ({ status }) => status,
    cell: ({ status }) => status.replaceAll('_', ' '),
  },
  {
    id: 'attempts',
    title: 'Attempts',
    value: ({ attempts }) => attempts,
    cell: ({ attempts }) => attempts,
  },
  {
    id: 'started',
    title: 'Started',
    value: ({ startedAt }) => startedAt.toISOString(),
    cell: ({ startedAt }) => <Moment at={startedAt} />,
  },
  {
    id: 'duration',
    title: 'Duration',
    value: ({ startedAt, endedAt }) =>
      endedAt === null ? null : endedAt.getTime() - startedAt.getTime(),
    cell: (row) => (row.endedAt === null ? null : durationOf(row)),
  },
  { id: 'source', title: 'Source', value: ({ source }) => source, cell: ({ source }) => source },
  {
    id: 'account_id',
    title: 'Account id',
    optional: true,
    value: ({ accountId }) => accountId,
    cell: ({ accountId }) => (accountId === null ? null : <code>{accountId}</code>),
  },
];

/** A sweep is named by its provider, because its id, with a date, is longer than its column. */
function nameOf({ type, provider, workflowId }: WorkflowRow): string {
  return type === 'sweep' && provider !== null ? `Sweep of ${provider}` : workflowId;
}

export function workflowList(
  { cursor, ...query }: WorkflowsQuery,
  rows: readonly WorkflowRow[],
  next: string | null,
  count: number,
  origin: string,
): ListProps<WorkflowRow> {
  return {
    path: WORKFLOWS_PATH,
    things: ['workflows', 'workflow'],
    query,
    cursor,
    next,
    rows,
    count: { count, isComplete: true, asOf: null },
    columns: WORKFLOW_COLUMNS,
    chosenColumns: query.column,
    idOf: ({ workflowId, runId }) => `${workflowId}-${runId}`.replaceAll(/[^\w-]/g, '_'),
    repeatedBy: { origin, command: workflowsCommand(query) },
    start: 'Temporal deletes finished workflows after its retention period.',
  };
}

function workflowsCommand(query: Omit<WorkflowsQuery, 'cursor'>): RepeatedBy {
  return repeatedList({ path: '/api/admin/workflows', words: ['workflows', 'list'] }, query, {
    type: sameName('Type', 'type'),
    status: sameName('Status', 'status'),
    provider: sameName('Provider', 'provider'),
    outcome: sameName('Outcome', 'outcome'),
    source: sameName('Source', 'source'),
    account_id: { label: 'Account', api: 'account_id', option: 'account' },
    ...TIME_FILTERS,
  });
}

interface WorkflowsProps {
  list: ListProps<WorkflowRow>;
  query: WorkflowsQuery;
  /** The selectable types. */
  types: readonly WorkflowType[];
  providers: readonly string[];
}

export function WorkflowsPage({ list, query, types, providers }: WorkflowsProps) {
  return (
    <>
      <FilterBar path={WORKFLOWS_PATH} label="Workflows" replaces="#list">
        <Many name="type" label="Type" chosen={query.type} values={types} />
        <Many name="outcome" label="Outcome" chosen={query.outcome} values={OUTCOMES} />
        <Many name="status" label="Status" chosen={query.status} values={WORKFLOW_STATUSES} />
        <Many name="provider" label="Provider" chosen={query.provider} values={providers} />
        <Many name="source" label="Source" chosen={query.source} values={LOG_SOURCES} />
        <PastTimeRange label="Started" query={query} />
        <label>
          Account
          <input name="account_id" value={query.account_id ?? ''} placeholder="acc_…" />
        </label>
        <ColumnChoice columns={WORKFLOW_COLUMNS} chosen={query.column} />
      </FilterBar>
      <List {...list} />
    </>
  );
}

function Outcome({ row: { outcome, summary, failure, status } }: { row: WorkflowRow }) {
  if (failure !== null) return <span class="bad">{failure}</span>;
  if (status === 'completed' && summary !== null)
    return summary.failed > 0 ? (
      <span class="bad">{summaryText(summary)}</span>
    ) : (
      <>{summaryText(summary)}</>
    );
  return <WorkflowOutcome outcome={outcome} status={status} />;
}

/** The outcome of the work, not only of the workflow: a completed workflow may report a failed refresh. */
export function WorkflowOutcome({ outcome, status }: Pick<ListedWorkflow, 'outcome' | 'status'>) {
  if (status !== 'completed' || outcome === null)
    return <Badge tone={TONES[status]}>{status.replaceAll('_', ' ')}</Badge>;
  const failed = !NO_FAILURES.has(outcome);
  return <Badge tone={failed ? 'bad' : 'good'}>{outcome.replaceAll('_', ' ')}</Badge>;
}

/** All other outcomes are failure codes. */
const NO_FAILURES = new Set(['refreshed', 'skipped', 'claimed_elsewhere', 'valid']);

const TONES: Record<WorkflowStatus, Tone> = {
  running: 'active',
  completed: 'good',
  failed: 'bad',
  canceled: 'warn',
  terminated: 'warn',
  continued_as_new: 'plain',
  timed_out: 'bad',
};

export function durationOf({
  startedAt,
  endedAt,
}: Pick<ListedWorkflow, 'startedAt' | 'endedAt'>): string {
  return endedAt === null ? '–' : duration(endedAt.getTime() - startedAt.getTime());
}

/** The page of one run. */
export function workflowPath({
  workflowId,
  runId,
}: Pick<ListedWorkflow, 'workflowId' | 'runId'>): string {
  return `/admin/workflows/${encodeURIComponent(workflowId)}/${runId}`;
}
