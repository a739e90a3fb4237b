/** Sets the theme: light, dark, or the system's. */
import type { UiApp } from '../env';
import { formFields } from '../form';
import { localPath, pathOf } from '../local-path';
import { asTheme, rememberTheme } from '../theme';

export function registerTheme(ui: UiApp): void {
  ui.post('/theme', async (c) => {
    rememberTheme(c, asTheme((await formFields(c))['theme']));
    return c.redirect(localPath(pathOf(c.req.header('referer'))), 303);
  });
}
