/** Workflow history: the list, one workflow with its live fragment, and the actions to terminate or repeat a run. */
import { z } from 'zod';
import { note } from '../../api/routes/schedules/schedule-body';
import { demandScope } from '../../domain/access/principal';
import { notFound, ServiceError } from '../../domain/service-error';
import { providerNotConfigured } from '../../domain/text/messages';
import { callerName } from '../../services/access/authenticator';
import { refreshableAccount } from '../../services/accounts/refreshable-account';
import { workflowAttempts } from '../../services/overview/workflow-attempts';
import {
  WORKFLOW_STATUSES,
  WORKFLOW_TYPES,
  type WorkflowHistory,
  type WorkflowType,
} from '../../temporal/workflow-client';
import { refreshAccountWorkflowId } from '../../workflows/refresh-account';
import type { UiDependencies } from '../dependencies';
import type { Session, UiApp, UiContext } from '../env';
import { formFields } from '../form';
import { showPage } from '../layout';
import { liveFragment } from '../live';
import { Workflow, WorkflowPage } from '../pages/workflow';
import { type WorkflowRow, WorkflowsPage } from '../pages/workflows';
import { mayAct, mayOperate, mayRead } from '../permissions';

const PATH = '/admin/workflows';
const RUN = `${PATH}/:workflow_id/:run_id`;
const PAGE = 25;

const anything = z.string().trim().max(64).optional();
/** Empty and invalid choices count as no filter. */
const Query = z.object({
  type: z.enum(WORKFLOW_TYPES).optional().catch(undefined),
  status: z.enum(WORKFLOW_STATUSES).optional().catch(undefined),
  provider: anything.catch(undefined),
  account_id: anything.catch(undefined),
  cursor: z.string().max(4096).optional().catch(undefined),
});
type Query = z.infer<typeof Query>;

/** Types that belong to an account: admins of its organisation act on them, operators on all others. */
const OF_ACCOUNT: ReadonlySet<WorkflowType> = new Set(['refresh', 'validation', 'disconnection']);
const actsOn = (type: WorkflowType) => (OF_ACCOUNT.has(type) ? mayAct : mayOperate);

/** The types that a session may find. */
function typesFor(session: Session): readonly WorkflowType[] {
  return WORKFLOW_TYPES.filter((type) =>
    OF_ACCOUNT.has(type) ? mayRead(session) : type === 'sweep' || mayOperate(session),
  );
}

const Reason = z.object({ reason: note });

export function registerWorkflows(ui: UiApp, deps: UiDependencies): void {
  const { workflows, logger } = deps;

  ui.get(PATH, async (c) => {
    const query = Query.parse(c.req.query());
    const { rows, next } = await loadPage(deps, c.get('session'), query);
    return showPage(
      c,
      { title: 'Workflows', section: PATH },
      <WorkflowsPage
        rows={rows}
        filters={query}
        types={typesFor(c.get('session'))}
        providers={deps.providers.all.map(({ id }) => id)}
        next={next === null ? null : pathOfPage(query, next)}
      />,
    );
  });

  const historyOf = (c: UiContext): Promise<WorkflowHistory> => {
    const { workflow_id: id = '', run_id: runId } = c.req.param() as Record<string, string>;
    return workflows.history(c.get('session'), id, runId);
  };
  const show = async (c: UiContext) => {
    const history = await historyOf(c);
    return showPage(
      c,
      {
        title:
          history.type === 'sweep' ? `Sweep of ${history.provider ?? 'a provider'}` : 'Refresh',
        section: PATH,
        live: true,
      },
      <WorkflowPage history={history} mayAct={actsOn(history.type)(c.get('session'))} />,
    );
  };
  ui.get(`${PATH}/:workflow_id`, show);
  ui.get(RUN, show);
  ui.get(`${RUN}/stream`, (c) => {
    let ended: WorkflowHistory | null = null;
    return liveFragment(c, deps, async () => {
      // A closed workflow no longer changes.
      const history = ended ?? (await historyOf(c));
      if (history.status !== 'running') ended = history;
      return <Workflow history={history} />;
    });
  });

  ui.post(`${RUN}/terminate`, async (c) => {
    const form = Reason.safeParse(await formFields(c));
    if (!form.success)
      throw new ServiceError('invalid_request', 'Enter the reason for terminating the workflow.');
    const { workflow_id: id, run_id: runId } = c.req.param();
    const { organisation, keyId } = c.get('session');
    const { reason } = form.data;
    await workflows.terminate(c.get('session'), id, runId, `${reason} (${callerName(keyId)})`);
    logger.info(
      { workflow_id: id, run_id: runId, key_id: keyId, organisation, reason },
      'workflow terminated on a page',
    );
    return c.redirect(`${PATH}/${encodeURIComponent(id)}/${runId}`, 303);
  });
  ui.post(`${RUN}/retry`, async (c) => {
    const history = await historyOf(c);
    demandScope(c.get('session'), OF_ACCOUNT.has(history.type) ? 'admin' : 'operator');
    const started = await startAgain(deps, c.get('session'), history);
    return c.redirect(`${PATH}/${encodeURIComponent(started)}`, 303);
  });
}

async function loadPage(
  { workflows, store }: Pick<UiDependencies, 'workflows' | 'store'>,
  session: Session,
  { type, provider, status, account_id: account, cursor }: Query,
): Promise<{ rows: WorkflowRow[]; next: string | null }> {
  const { organisation } = session;
  const { items, next } = await workflows.list(
    session,
    { type, status, provider: provider || undefined, accountId: account || undefined },
    { limit: PAGE, cursor },
  );
  const [attempts, sweeps, labels] = await Promise.all([
    workflowAttempts(store, organisation, items),
    workflows.results(
      session,
      items.filter((item) => item.type === 'sweep'),
    ),
    store.accounts.labels(
      organisation,
      items.flatMap((item) => item.accountId ?? []),
    ),
  ]);
  const results = new Map(sweeps.map((sweep) => [sweep.runId, sweep]));
  return {
    rows: items.map((item) => {
      const { summary = null, failure = null } = results.get(item.runId) ?? {};
      const label = item.accountId === null ? null : (labels.get(item.accountId) ?? null);
      return { ...item, label, attempts: attempts(item), summary, failure };
    }),
    next,
  };
}

function pathOfPage(query: Query, cursor: string): string {
  const given = Object.entries({ ...query, cursor }).filter((pair): pair is [string, string] =>
    Boolean(pair[1]),
  );
  return `${PATH}?${new URLSearchParams(given).toString()}`;
}

/** Repeats the work of a closed workflow. @returns the id of the new workflow */
async function startAgain(
  { providers, refreshes, store, now }: UiDependencies,
  session: Session,
  { type, provider: name, accountId }: WorkflowHistory,
): Promise<string> {
  if (type === 'sweep') {
    const provider = name === null ? undefined : providers.find(name);
    if (provider === undefined)
      throw new ServiceError('unknown_provider', providerNotConfigured(name ?? ''));
    return (await refreshes.startSweep(provider)).workflowId;
  }
  if (accountId === null) throw notFound('account for this workflow');
  const requestedAt = now().toISOString();
  const account = await refreshableAccount(store, session, accountId);
  await refreshes.refresh(account, {
    source: 'admin',
    caller: callerName(session.keyId),
    requestedAt,
    force: true,
    capture: false,
  });
  return refreshAccountWorkflowId(account.id);
}
