/** The first page: what needs a person, updated live. */
import { appStatus } from '../../services/overview/app-status';
import type { UiDependencies } from '../dependencies';
import type { Session, UiApp } from '../env';
import { showPage } from '../layout';
import { liveFragment, sharedFor } from '../live';
import {
  DELIVERIES_COUNTED_MAX,
  Overview,
  OverviewPage,
  type OverviewView,
} from '../pages/overview';
import { loadWorkers } from '../pages/workers';
import { mayAct, mayOperate, mayRead } from '../permissions';

const PATH = '/admin/overview';
/** How long all viewers share one load of the schedules and of the apps, in ms. */
const SCHEDULES_SHARED_MS = 2_000;
const APPS_SHARED_MS = 30_000;
/** How long the viewers of an organisation share one load of its numbers, in ms. */
const NUMBERS_SHARED_MS = 3_000;
const DAY_MS = 24 * 3600_000;

export function registerOverview(ui: UiApp, deps: UiDependencies): void {
  const loadSchedules = sharedFor(SCHEDULES_SHARED_MS, () => loadWorkers(deps));
  const loadApps = sharedFor(APPS_SHARED_MS, () => appStatus(deps));
  const numbersOf = sharedPerOrganisation(NUMBERS_SHARED_MS, (organisation) =>
    loadNumbers(deps, organisation),
  );

  const load = async (session: Session): Promise<OverviewView> => {
    const [workers, apps, numbers] = await Promise.all([
      loadSchedules(),
      loadApps(),
      mayRead(session) ? numbersOf(session.organisation) : null,
    ]);
    const isAdmin = mayAct(session);
    return {
      workers,
      apps,
      statistics: numbers?.statistics ?? null,
      attention: numbers?.attention ?? null,
      webhooks: isAdmin ? (numbers?.webhooks ?? null) : null,
      failedDeliveries: isAdmin ? (numbers?.failedDeliveries ?? null) : null,
      mayOperate: mayOperate(session),
      now: numbers?.at ?? deps.now(),
    };
  };

  ui.get(PATH, async (c) =>
    showPage(
      c,
      { title: 'Overview', section: PATH, live: true },
      <OverviewPage {...(await load(c.get('session')))} />,
    ),
  );
  ui.get(`${PATH}/stream`, (c) =>
    liveFragment(c, deps, async () => <Overview {...(await load(c.get('session')))} />),
  );
}

async function loadNumbers(
  { statistics, store, now }: Pick<UiDependencies, 'statistics' | 'store' | 'now'>,
  organisation: string,
) {
  const at = now();
  const [numbers, attention, webhooks, failedDeliveries] = await Promise.all([
    statistics(organisation),
    store.accountAttention.of({ organisation, now: at }),
    store.webhookEndpoints.list(organisation),
    store.webhookDeliveries.count(
      { organisation, state: ['failed'], from: new Date(at.getTime() - DAY_MS) },
      DELIVERIES_COUNTED_MAX,
    ),
  ]);
  return { at, statistics: numbers, attention, webhooks, failedDeliveries };
}

/** {@link sharedFor} per organisation; organisations without recent viewers are dropped. */
function sharedPerOrganisation<T>(
  ms: number,
  load: (organisation: string) => Promise<T>,
): (organisation: string) => Promise<T> {
  const kept = new Map<string, { at: number; result: Promise<T> }>();
  return (organisation) => {
    const now = Date.now();
    for (const [name, { at }] of kept) if (now - at >= ms) kept.delete(name);
    const recent = kept.get(organisation);
    if (recent !== undefined) return recent.result;
    const result = load(organisation);
    kept.set(organisation, { at: now, result });
    return result;
  };
}
