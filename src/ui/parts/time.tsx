/** Moments and durations for people. */
import { momentText } from '../../domain/text/time-text';

export { duration } from '../../domain/text/time-text';

/** Renders the time in UTC, always the same; the browser shows it as the person prefers, and keeps a relative time current. */
export function Moment({ at }: { at: Date }) {
  const absolute = momentText(at);
  return (
    <time datetime={at.toISOString()} title={absolute} data-relative>
      {absolute}
    </time>
  );
}
