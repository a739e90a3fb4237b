/** A state as a word; the colour only supports it. */
import type { PropsWithChildren } from 'hono/jsx';

export type Tone = 'good' | 'warn' | 'bad' | 'active' | 'plain';

export function Badge({ tone, children }: PropsWithChildren<{ tone: Tone }>) {
  return <span class={`badge ${tone}`}>{children}</span>;
}
