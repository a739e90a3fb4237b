/** Signing out: the browser forgets the session. */
import type { UiApp, UiDependencies } from '../dependencies';

export function registerSignOut(ui: UiApp, { sessions }: UiDependencies): void {
  ui.post('/sign-out', (c) => {
    sessions.end(c);
    return c.redirect('/sign-in', 303);
  });
}
