/** Workers: the schedules as Temporal holds them, followed live. */
import type { UiApp, UiDependencies } from '../dependencies';
import { showPage } from '../layout';
import { liveFragment, sharedFor } from '../live';
import { loadWorkers, Workers, WorkersPage } from '../pages/workers';

/** Schedules serve all organisations, so all viewers see the same. */
const SHARED_MS = 900;

export function registerWorkers(ui: UiApp, deps: UiDependencies): void {
  const load = sharedFor(SHARED_MS, () => loadWorkers(deps));

  ui.get('/admin/workers', async (c) =>
    showPage(
      c,
      { title: 'Workers', section: '/admin/workers', live: true },
      <WorkersPage workers={await load()} />,
    ),
  );
  ui.get('/admin/workers/stream', (c) =>
    liveFragment(c, deps, async () => <Workers workers={await load()} />),
  );
}
