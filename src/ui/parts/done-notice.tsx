/** The report on a finished action, with a button that undoes it if that is possible. */
import type { Done } from '../env';
import { Act } from './act';
import { Hidden } from './form';
import { Notice } from './notice';

export function DoneNotice({ text, warnings = [], undo }: Done) {
  const kind = warnings.length === 0 ? 'good' : 'note';
  const sentences = [text, ...warnings.map((warning) => `Warning: ${warning}`)].join(' ');
  if (undo === undefined) return <Notice kind={kind}>{sentences}</Notice>;
  return (
    <div class={`notice undoable ${kind}`} role="status">
      <p>{sentences}</p>
      <Act action={undo.action}>
        {Object.entries(undo.fields ?? {}).map(([name, value]) => (
          <Hidden name={name} values={[value]} />
        ))}
        <button>Undo</button>
      </Act>
    </div>
  );
}
