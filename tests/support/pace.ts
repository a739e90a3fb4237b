/** The request rate at a provider, from its own ledger. */

const WINDOW_SECONDS = 3;

/**
 * Describes violations of a limit per second; empty if there are none. The average over all requests may exceed the
 * limit by one second's worth, because the first request may be late. Within three seconds, 50% more are tolerated:
 * between its permission and its arrival a request waits for a write to the database, and on a busy machine several
 * waiting requests are then sent together. Two workers that do not share the limiter send twice as many.
 * @param times in ms, ascending
 */
export function overLimit(times: readonly number[], perSecond: number): string[] {
  const [first = 0] = times;
  const seconds = ((times.at(-1) ?? first) - first) / 1_000;
  const least = (times.length - 1) / perSecond;
  const densest = Math.max(
    ...times.map(
      (at) => times.filter((one) => one >= at && one < at + WINDOW_SECONDS * 1_000).length,
    ),
  );
  return [
    ...(seconds < least - 1 ? [`${times.length} in ${seconds} s`] : []),
    ...(densest > perSecond * WINDOW_SECONDS * 1.5
      ? [`${densest} within ${WINDOW_SECONDS} s`]
      : []),
  ];
}
