/** Moments and durations for people. */
import { momentText } from '../../domain/text/time-text';

export { duration } from '../../domain/text/time-text';

/** Renders the absolute time, always the same; the browser makes it relative and keeps it current. */
export function Moment({ at }: { at: Date }) {
  const absolute = momentText(at);
  return (
    <time datetime={at.toISOString()} title={absolute} data-relative>
      {absolute}
    </time>
  );
}

/** The relative time with the absolute one next to it. */
export function MomentInFull({ at }: { at: Date }) {
  return (
    <>
      <Moment at={at} />
      <span class="detail">{momentText(at)}</span>
    </>
  );
}
