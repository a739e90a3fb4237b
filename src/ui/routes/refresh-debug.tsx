/** Refresh (debug): the page of one account's debug runs, its live fragment, and the run itself. */
import type { UiDependencies } from '../dependencies';
import type { UiApp, UiContext } from '../env';
import { showPage } from '../layout';
import { liveFragment } from '../live';
import { findAccount } from '../pages/account';
import { ACCOUNTS_PATH } from '../pages/accounts';
import { DebugPage, DebugTerminal, loadDebug } from '../pages/refresh-debug';
import { mayAct } from '../permissions';
import { refresh } from './account';

const DEBUG = `${ACCOUNTS_PATH}/:id/refresh-debug` as const;

export function registerRefreshDebug(ui: UiApp, deps: UiDependencies): void {
  const load = (c: UiContext) =>
    loadDebug(deps, c.get('session').organisation, c.req.param('id') ?? '');

  ui.get(DEBUG, async (c) =>
    showPage(
      c,
      { title: 'Refresh (debug)', section: ACCOUNTS_PATH, live: true },
      <DebugPage view={await load(c)} mayAct={mayAct(c.get('session'))} />,
    ),
  );
  ui.get(`${DEBUG}/stream`, async (c) => {
    await findAccount(deps, c.get('session').organisation, c.req.param('id'));
    return liveFragment(c, deps, async () => <DebugTerminal view={await load(c)} />);
  });
  ui.post(DEBUG, (c) => refresh(c, deps, { force: true, debug: true }));
}
