/** Stores the person's preferences and returns to the page. */
import type { UiApp } from '../env';
import { formFields } from '../form';
import { localPath, pathOf } from '../local-path';
import { rememberPreferences } from '../preferences';

/** The address of 0.1.0, whose pages may still be open in a browser. */
const THEME_IN_0_1 = '/theme';

export function registerPreferences(ui: UiApp): void {
  for (const path of ['/preferences', THEME_IN_0_1])
    ui.post(path, async (c) => {
      rememberPreferences(c, await formFields(c));
      return c.redirect(localPath(pathOf(c.req.header('referer'))), 303);
    });
}
