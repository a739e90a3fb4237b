/** The number of runs per property: few in `npm test`, or as set by `PROPERTY_RUNS`. */

const wanted = process.env['PROPERTY_RUNS'];

/**
 * @param usually runs in `npm test`
 * @param part fraction of `PROPERTY_RUNS`, for properties that do I/O
 */
export function propertyRuns(usually: number, part = 1): number {
  return wanted === undefined ? usually : Math.max(usually, Math.ceil(Number(wanted) * part));
}
