/** A message about a state or the result of an action. */
import type { PropsWithChildren } from 'hono/jsx';

export function Notice({ kind, children }: PropsWithChildren<{ kind: 'bad' | 'good' | 'note' }>) {
  return (
    <p class={`notice ${kind}`} role={kind === 'bad' ? 'alert' : 'status'}>
      {children}
    </p>
  );
}
