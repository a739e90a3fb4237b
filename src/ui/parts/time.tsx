/** A moment and a length of time, as people read them. */
import { momentText } from '../../domain/time-text';

export { duration } from '../../domain/time-text';

/** Absolute, and the same each time it is rendered; the browser makes it relative and keeps it so. */
export function Moment({ at }: { at: Date }) {
  const absolute = momentText(at);
  return (
    <time datetime={at.toISOString()} title={absolute} data-relative>
      {absolute}
    </time>
  );
}

/** The same with the absolute time beside the relative one. */
export function MomentInFull({ at }: { at: Date }) {
  return (
    <>
      <Moment at={at} />
      <span class="detail">{momentText(at)}</span>
    </>
  );
}
