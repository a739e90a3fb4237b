/** The search of everything that a person may see, as a page, and as the fragment of the dialog. */
import type { PropsWithChildren } from 'hono/jsx';
import { z } from 'zod';
import { SEARCH_MAX, type SearchResults, search } from '../../services/search/search';
import type { UiDependencies } from '../dependencies';
import type { Session, UiApp } from '../env';
import { isFragment } from '../guard';
import { showPage } from '../layout';
import { parsedQuery, single, text } from '../list-query';
import { markup } from '../markup';
import { isOpenTo, NAVIGATION } from '../navigation';
import { accountPath, RECONNECT_LINKS_PATH } from '../pages/accounts';
import { CONNECT_ACCOUNT_PATH } from '../pages/connect-account';
import { ENCRYPTION_PATH } from '../pages/encryption';
import { workflowPath } from '../pages/workflows';
import { words } from '../parts/account-badges';
import { SEARCH_PATH as PATH, SearchField } from '../parts/search-dialog';
import { Moment } from '../parts/time';

const Query = z.object({ q: single(text(SEARCH_MAX)) });

/** Places from which a person acts. */
const ACTIONS = [
  { path: CONNECT_ACCOUNT_PATH, title: 'Connect an account', for: 'admins' },
  { path: RECONNECT_LINKS_PATH, title: 'Make reconnect links', for: 'admins' },
  { path: '/admin/quarantine', title: 'Release accounts from quarantine', for: 'admins' },
  {
    path: '/admin/accounts',
    title: 'Refresh, validate, enable or disable accounts',
    for: 'admins',
  },
  { path: '/admin/accounts/export?format=csv', title: 'Export accounts as CSV', for: 'readers' },
  { path: '/admin/deliveries', title: 'Replay a webhook delivery', for: 'admins' },
  { path: '/admin/audit/verification', title: 'Verify the audit', for: 'admins' },
  { path: ENCRYPTION_PATH, title: 'Rotate the encryption key', for: 'operators' },
  { path: ENCRYPTION_PATH, title: 'Pause or resume a rotation', for: 'operators' },
  { path: '/admin/workers', title: 'Run, pause or resume sweeps', for: 'operators' },
] as const;

export function registerSearch(ui: UiApp, deps: UiDependencies): void {
  ui.get(PATH, async (c) => {
    const { q = '' } = parsedQuery(c, Query);
    const session = c.get('session');
    const found = q === '' ? null : await search(deps, session, q);
    const results = <Results q={q} found={found} session={session} />;
    if (isFragment(c)) return c.html(await markup(results));
    return showPage(
      c,
      { title: 'Search' },
      <>
        <form class="search-form" role="search" aria-label="Everywhere" method="get" action={PATH}>
          <SearchField id="search-page-text" value={q} />
          <button class="primary">Search</button>
        </form>
        {results}
      </>,
    );
  });
}

interface ResultsProps {
  q: string;
  /** `null`: nothing was asked. */
  found: SearchResults | null;
  session: Session;
}

function Results({ q, found, session }: ResultsProps) {
  if (found === null) return null;
  const { accounts, entry, workflows } = found;
  const sought = q.toLowerCase();
  const matching = <T extends { title: string; for: Parameters<typeof isOpenTo>[1]['for'] }>(
    all: readonly T[],
  ) => all.filter((one) => isOpenTo(session, one) && one.title.toLowerCase().includes(sought));
  const pages = matching(NAVIGATION);
  const actions = matching(ACTIONS);
  const count =
    accounts.length +
    (entry === null ? 0 : 1) +
    (workflows?.length ?? 0) +
    pages.length +
    actions.length;
  return (
    <>
      <p role="status" class="muted">
        {count === 0 ? 'Nothing found.' : count === 1 ? '1 result' : `${count} results`}
        {workflows === null && ' Workflows were not searched, because Temporal is unreachable.'}
      </p>
      <Group title="Accounts" count={accounts.length}>
        {accounts.map(({ id, label, externalId, provider, environment }) => (
          <li>
            <a href={accountPath(id)}>
              {label}
              <span class="detail">{`${provider} ${environment} · ${externalId} · ${id}`}</span>
            </a>
          </li>
        ))}
      </Group>
      <Group title="Log entries" count={entry === null ? 0 : 1}>
        {entry !== null && (
          <li>
            <a href={`/admin/terminal?entry=${encodeURIComponent(entry.id)}`}>
              {words(entry.action)}
              <span class="detail">
                {entry.account_label ?? entry.provider} <Moment at={new Date(entry.created_at)} />
              </span>
            </a>
          </li>
        )}
      </Group>
      <Group title="Workflows" count={workflows?.length ?? 0}>
        {workflows?.map((workflow) => (
          <li>
            <a href={workflowPath(workflow)}>
              {workflow.workflowId}
              <span class="detail">
                {words(workflow.status)} <Moment at={workflow.startedAt} />
              </span>
            </a>
          </li>
        ))}
      </Group>
      <Group title="Pages" count={pages.length}>
        {pages.map(({ path, title }) => (
          <li>
            <a href={path}>{title}</a>
          </li>
        ))}
      </Group>
      <Group title="Actions" count={actions.length}>
        {actions.map(({ path, title }) => (
          <li>
            <a href={path}>{title}</a>
          </li>
        ))}
      </Group>
    </>
  );
}

function Group({ title, count, children }: PropsWithChildren<{ title: string; count: number }>) {
  if (count === 0) return null;
  return (
    <section class="found" aria-label={title}>
      <h2>{title}</h2>
      <ul>{children}</ul>
    </section>
  );
}
