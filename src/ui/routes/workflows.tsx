/** Workflow history: the list, one workflow with its live fragment, and the actions to terminate or repeat a run. */
import { z } from 'zod';
import { note } from '../../api/routes/schedules/schedule-body';
import { demandScope } from '../../domain/access/principal';
import { notFound, ServiceError } from '../../domain/service-error';
import { providerNotConfigured } from '../../domain/text/messages';
import { shownOrigin } from '../../http/public-origin';
import { callerName } from '../../services/access/authenticator';
import { refreshableAccount } from '../../services/accounts/refreshable-account';
import { workflowAttempts } from '../../services/overview/workflow-attempts';
import {
  WORKFLOW_TYPES,
  type WorkflowFilters,
  type WorkflowHistory,
  type WorkflowType,
} from '../../temporal/workflow-client';
import { refreshAccountWorkflowId } from '../../workflows/refresh-account';
import type { UiDependencies } from '../dependencies';
import type { Session, UiApp, UiContext } from '../env';
import { formFields } from '../form';
import { isFragment } from '../guard';
import { showPage } from '../layout';
import { addressOf, parsedQuery, pastRange } from '../list-query';
import { EXPORT_PAGE, exportList, LIST_PAGE } from '../list-routes';
import { liveFragment } from '../live';
import { markup } from '../markup';
import { Workflow, WorkflowPage } from '../pages/workflow';
import {
  WORKFLOW_COLUMNS,
  WORKFLOWS_PATH,
  type WorkflowRow,
  WorkflowsPage,
  WorkflowsQuery,
  workflowList,
} from '../pages/workflows';
import { List, ListBody, shownColumns } from '../parts/list';
import { mayAct, mayOperate, mayRead } from '../permissions';

const PATH = WORKFLOWS_PATH;
const RUN = `${PATH}/:workflow_id/:run_id`;
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
    const query = parsedQuery(c, WorkflowsQuery);
    const session = c.get('session');
    const list = await loadList(deps, c, query);
    if (isFragment(c)) {
      c.header('HX-Replace-Url', addressOf(PATH, query));
      return c.html(await markup(<List {...list} />));
    }
    return showPage(
      c,
      { title: 'Workflows', section: PATH, live: true },
      <WorkflowsPage
        list={list}
        query={query}
        types={typesFor(session)}
        providers={deps.providers.all.map(({ id }) => id)}
      />,
    );
  });
  ui.get(`${PATH}/stream`, (c) => {
    const query = parsedQuery(c, WorkflowsQuery);
    return liveFragment(c, deps, async () => <ListBody {...(await loadList(deps, c, query))} />, {
      isList: true,
    });
  });
  ui.get(`${PATH}/export`, (c) => {
    const query = parsedQuery(c, WorkflowsQuery);
    return exportList(c, deps, {
      name: 'workflows',
      columns: shownColumns(WORKFLOW_COLUMNS, query.column ?? WORKFLOW_COLUMNS.map(({ id }) => id)),
      body: ({ label, summary: _summary, failure: _failure, ...row }) => ({ ...row, label }),
      page: (cursor) =>
        loadPage(deps, c.get('session'), { ...query, cursor }, { limit: EXPORT_PAGE }),
    });
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
      <WorkflowPage
        history={history}
        mayAct={actsOn(history.type)(c.get('session'))}
        origin={shownOrigin(c, deps.publicUrl)}
      />,
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

async function loadList(
  deps: Pick<UiDependencies, 'workflows' | 'store' | 'publicUrl' | 'now'>,
  c: UiContext,
  query: WorkflowsQuery,
) {
  const session = c.get('session');
  const [{ rows, next }, count] = await Promise.all([
    loadPage(deps, session, query, { limit: LIST_PAGE }),
    deps.workflows.count(session, filtersOf(query, deps.now())),
  ]);
  return workflowList(query, rows, next, count, shownOrigin(c, deps.publicUrl));
}

function filtersOf(
  {
    type,
    status,
    provider,
    outcome,
    source,
    account_id: accountId,
    since,
    from,
    to,
  }: WorkflowsQuery,
  now: Date,
): WorkflowFilters {
  const started = pastRange(since, { from, to }, now);
  return { type, status, provider, outcome, source, accountId, ...started };
}

async function loadPage(
  { workflows, store, now }: Pick<UiDependencies, 'workflows' | 'store' | 'now'>,
  session: Session,
  { cursor, ...query }: WorkflowsQuery,
  { limit }: { limit: number },
): Promise<{ rows: WorkflowRow[]; next: string | null }> {
  const { organisation } = session;
  const { items, next } = await workflows.list(session, filtersOf(query, now()), { limit, cursor });
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
