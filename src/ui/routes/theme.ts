/** Choosing light, dark or the system's. */
import type { UiApp } from '../dependencies';
import { localPath, pathOf } from '../local-path';
import { asTheme, rememberTheme } from '../theme';

export function registerTheme(ui: UiApp): void {
  ui.post('/theme', async (c) => {
    rememberTheme(c, asTheme((await c.req.parseBody())['theme']));
    return c.redirect(localPath(pathOf(c.req.header('referer'))), 303);
  });
}
