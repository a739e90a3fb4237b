/** Admin → Settings: what is configured and by which source, for operators, without secrets. */
import { packageVersion } from '../../process/version';
import type { UiDependencies } from '../dependencies';
import type { UiApp } from '../env';
import { demandOperator } from '../guard';
import { showPage } from '../layout';
import { sharedFor } from '../live';
import { SettingsPage } from '../pages/settings';

const PATH = '/admin/settings';
/** How long the versions are shared by all viewers, in ms, so that reloads do not load the engines. */
const SHARED_MS = 5_000;

export function registerSettings(ui: UiApp, deps: UiDependencies): void {
  const { store, refreshes, workflows, providers, configured } = deps;
  const version = packageVersion();
  const engines = sharedFor(SHARED_MS, async () => {
    const [mongodb, temporal, workers] = await Promise.all([
      store.serverVersion().catch(() => null),
      refreshes.serverVersion().catch(() => null),
      workflows.workers().catch(() => null),
    ]);
    return { mongodb, temporal, workers };
  });

  ui.get(PATH, async (c) => {
    demandOperator(c.get('session'));
    const { mongodb, temporal, workers } = await engines();
    return showPage(
      c,
      { title: 'Settings', section: PATH },
      <SettingsPage
        view={{
          version,
          engines: [
            { name: 'MongoDB', version: mongodb },
            { name: 'Temporal', version: temporal },
          ],
          workers,
          providers: providers.all,
          unconfigured: configured.unconfiguredProviders,
          settings: configured.settings,
        }}
      />,
    );
  });
}
