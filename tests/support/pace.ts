/** How many requests a provider received, and how close to each other, by its own ledger. */

const WINDOW_SECONDS = 3;

/**
 * What is over a limit per second, in words; nothing where it holds. Over all of them it holds but for a second, since
 * the first may be late and the last not. Within three seconds half as many more are let pass: between its permit and its arrival a request waits for a write to the
 * database, and where that stalls, as on a busy machine, those that waited go out together. Two workers that know
 * nothing of each other send twice as many.
 * @param times in milliseconds, in order
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
