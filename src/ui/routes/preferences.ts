/** Stores the person's preferences and returns to the page. */
import type { UiApp } from '../env';
import { formFields } from '../form';
import { localPath, pathOf } from '../local-path';
import { rememberPreferences } from '../preferences';

export function registerPreferences(ui: UiApp): void {
  ui.post('/preferences', async (c) => {
    rememberPreferences(c, await formFields(c));
    return c.redirect(localPath(pathOf(c.req.header('referer'))), 303);
  });
}
