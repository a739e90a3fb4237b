/** The report on a finished action, with a button that undoes it if that is possible. */
import type { PropsWithChildren } from 'hono/jsx';
import type { Done } from '../env';
import { Act } from './act';
import { Hidden } from './form';
import { Notice } from './notice';

/** @param isLive whether the page updates by itself; otherwise, an undo loads it again */
export function DoneNotice({ text, warnings = [], undo, isLive }: Done & { isLive: boolean }) {
  const kind = warnings.length === 0 ? 'good' : 'note';
  const sentences = [text, ...warnings.map((warning) => `Warning: ${warning}`)].join(' ');
  if (undo === undefined) return <Notice kind={kind}>{sentences}</Notice>;
  return (
    <div class={`notice undoable ${kind}`} role="status">
      <p>{sentences}</p>
      <UndoForm action={undo.action} isLive={isLive}>
        {Object.entries(undo.fields ?? {}).map(([name, value]) => (
          <Hidden name={name} values={[value]} />
        ))}
        <button>Undo</button>
      </UndoForm>
    </div>
  );
}

function UndoForm({
  action,
  isLive,
  children,
}: PropsWithChildren<{ action: string; isLive: boolean }>) {
  if (isLive) return <Act action={action}>{children}</Act>;
  return (
    <form method="post" action={action}>
      {children}
    </form>
  );
}
