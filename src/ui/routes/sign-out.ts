/** Signing out: the browser forgets the session. */
import type { UiApp, UiDependencies } from '../dependencies';

export function registerSignOut(ui: UiApp, { audit, sessions }: UiDependencies): void {
  ui.post('/sign-out', async (c) => {
    const session = await sessions.read(c);
    if (session !== null) {
      const { keyId: actor, organisation } = session;
      await audit.append({ organisation, actor, action: 'sign-out', details: {} });
    }
    sessions.end(c);
    return c.redirect('/sign-in', 303);
  });
}
