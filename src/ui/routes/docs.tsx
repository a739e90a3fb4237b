/** The API's description, open to everybody as `/openapi.json` is. */
import type { UiApp, UiDependencies } from '../dependencies';
import { showPage } from '../layout';
import { DocsPage } from '../pages/docs';

export function registerDocs(ui: UiApp, { document }: Pick<UiDependencies, 'document'>): void {
  ui.get('/docs', (c) =>
    showPage(
      c,
      { title: 'API', section: '/docs' },
      <DocsPage document={document()} origin={new URL(c.req.url).origin} />,
    ),
  );
}
