/** Sign-out: ends the session on the server and deletes the cookie. */
import type { UiDependencies } from '../dependencies';
import type { UiApp } from '../env';

export function registerSignOut(ui: UiApp, { sessions }: UiDependencies): void {
  ui.post('/sign-out', async (c) => {
    await sessions.end(c);
    return c.redirect('/sign-in', 303);
  });
}
