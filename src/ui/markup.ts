/** Renders markup for sending. Every page, fragment and event passes through here. */
import { html } from 'hono/html';
import type { Child } from 'hono/jsx';
import { visibleLines } from '../domain/text/visible-text';

/** Texts are already escaped for HTML; this makes invisible characters visible. */
export async function markup(content: Child): Promise<string> {
  return visibleLines((await html`${content}`).toString());
}
