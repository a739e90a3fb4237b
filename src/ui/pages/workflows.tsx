/** Workflow history: the sweeps, and the organisation's refreshes, from Temporal. */
import { type SweepSummary, summaryLine } from '../../domain/refresh/sweep';
import { noMatches, noneYet } from '../../domain/text/messages';
import {
  type ListedWorkflow,
  WORKFLOW_STATUSES,
  type WorkflowStatus,
  type WorkflowType,
} from '../../temporal/workflow-client';
import { Badge, type Tone } from '../parts/badge';
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

interface WorkflowFilterValues {
  type?: string | undefined;
  provider?: string | undefined;
  status?: string | undefined;
  account_id?: string | undefined;
}

interface WorkflowsProps {
  rows: readonly WorkflowRow[];
  filters: WorkflowFilterValues;
  /** The selectable types. */
  types: readonly WorkflowType[];
  providers: readonly string[];
  /** The address of the next page; `null` on the last page. */
  next: string | null;
}

export function WorkflowsPage({ rows, filters, types, providers, next }: WorkflowsProps) {
  return (
    <>
      <Filters filters={filters} types={types} providers={providers} />
      {rows.length === 0 ? (
        <p class="empty">
          {hasFilter(filters) ? noMatches('workflows') : noneYet('workflows')} Temporal deletes
          finished workflows after its retention period.
        </p>
      ) : (
        <Rows rows={rows} />
      )}
      {next !== null && (
        <p>
          <a class="button" href={next} rel="next">
            Older workflows
          </a>
        </p>
      )}
    </>
  );
}

function hasFilter({ type, provider, status, account_id: account }: WorkflowFilterValues): boolean {
  return Boolean(type ?? provider ?? status ?? account);
}

function Filters({
  filters,
  types,
  providers,
}: Pick<WorkflowsProps, 'filters' | 'types' | 'providers'>) {
  return (
    <form class="filters" method="get" action="/admin/workflows">
      <Choice name="type" label="Type" choices={types} chosen={filters.type} />
      <Choice name="provider" label="Provider" choices={providers} chosen={filters.provider} />
      <Choice name="status" label="Status" choices={WORKFLOW_STATUSES} chosen={filters.status} />
      <label>
        <span>Account</span>
        <input name="account_id" value={filters.account_id ?? ''} placeholder="acc_…" />
      </label>
      <button>Filter</button>
    </form>
  );
}

interface ChoiceProps {
  name: string;
  label: string;
  choices: readonly string[];
  chosen: string | undefined;
}

function Choice({ name, label, choices, chosen }: ChoiceProps) {
  return (
    <label>
      <span>{label}</span>
      <select name={name}>
        <option value="">all</option>
        {choices.map((choice) => (
          <option value={choice} {...(choice === chosen ? { selected: true } : {})}>
            {choice.replaceAll('_', ' ')}
          </option>
        ))}
      </select>
    </label>
  );
}

function Rows({ rows }: Pick<WorkflowsProps, 'rows'>) {
  return (
    <table class="rows">
      <thead>
        <tr>
          <th scope="col">Workflow</th>
          <th scope="col">Status</th>
          <th scope="col">Outcome</th>
          <th scope="col">Attempts</th>
          <th scope="col">Started</th>
          <th scope="col">Duration</th>
          <th scope="col">Source</th>
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr>
            <th scope="row">
              <a href={workflowPath(row)}>{row.label ?? row.accountId ?? row.workflowId}</a>
              <span class="detail">
                {row.type} {row.provider ?? ''}
                {row.label !== null && ` · ${row.accountId}`}
              </span>
            </th>
            <td data-label="Status">
              <WorkflowState status={row.status} />
            </td>
            <td data-label="Outcome">
              <Outcome row={row} />
            </td>
            <td data-label="Attempts">{row.attempts ?? '–'}</td>
            <td data-label="Started">
              <Moment at={row.startedAt} />
            </td>
            <td data-label="Duration">{durationOf(row)}</td>
            <td data-label="Source">{row.source ?? '–'}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Outcome({ row: { outcome, summary, failure } }: { row: WorkflowRow }) {
  if (failure !== null) return <span class="detail bad">{failure}</span>;
  if (summary !== null) return <>{summaryLine(summary)}</>;
  // A completed workflow may report a failed refresh.
  const failed = outcome !== null && !NO_FAILURES.has(outcome);
  return <span class={failed ? 'bad' : ''}>{outcome?.replaceAll('_', ' ') ?? '–'}</span>;
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

export function WorkflowState({ status }: { status: WorkflowStatus }) {
  return <Badge tone={TONES[status]}>{status.replaceAll('_', ' ')}</Badge>;
}

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
