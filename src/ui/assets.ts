/** Static files: read once, and named by a hash of their content so that browsers may cache them forever. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { UiApp } from './env';

const PATH = '/assets';

interface Asset {
  url: string;
  type: string;
  content: string;
}

function asset(name: string, type: string, files: string[]): Asset {
  const content = files.map((file) => readFileSync(file, 'utf8')).join('\n');
  const hash = createHash('sha256').update(content).digest('base64url').slice(0, 12);
  return { url: `${PATH}/${hash}/${name}`, type, content };
}

const own = (name: string) => join(__dirname, 'assets', name);

export const STYLE = asset('evergrant.css', 'text/css; charset=utf-8', [own('evergrant.css')]);

/** One file, because htmx scans the page as soon as it can, and its extension must be loaded by then. */
export const SCRIPT = asset('evergrant.js', 'text/javascript; charset=utf-8', [
  require.resolve('htmx.org/dist/htmx.min.js'),
  require.resolve('htmx.org/dist/ext/hx-sse.min.js'),
  own('evergrant.js'),
  own('terminal.js'),
  own('docs.js'),
]);

export function registerAssets(ui: UiApp): void {
  for (const { url, type, content } of [STYLE, SCRIPT]) {
    ui.get(url, (c) =>
      c.body(content, 200, {
        'Content-Type': type,
        'Cache-Control': 'public, max-age=31536000, immutable',
      }),
    );
  }
}
