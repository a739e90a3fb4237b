/** A state in a word, with a colour that is never all that says it. */
import type { PropsWithChildren } from 'hono/jsx';

export type Tone = 'good' | 'warn' | 'bad' | 'busy' | 'plain';

export function Badge({ tone, children }: PropsWithChildren<{ tone: Tone }>) {
  return <span class={`badge ${tone}`}>{children}</span>;
}
