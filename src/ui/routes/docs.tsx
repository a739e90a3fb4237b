/** The API reference. It is public, like `/openapi.json`. */
import { originOf } from '../../http/address';
import type { UiDependencies } from '../dependencies';
import type { UiApp } from '../env';
import { showPage } from '../layout';
import { DocsPage } from '../pages/docs';

export function registerDocs(ui: UiApp, { document }: Pick<UiDependencies, 'document'>): void {
  ui.get('/docs', (c) =>
    showPage(
      c,
      { title: 'API', section: '/docs' },
      <DocsPage document={document()} origin={originOf(c)} />,
    ),
  );
}
