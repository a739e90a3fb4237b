/** How often properties are tried: a few seconds' worth in `npm test`, as often as one likes by `PROPERTY_RUNS`. */

const wanted = process.env['PROPERTY_RUNS'];

/**
 * @param usually in `npm test`
 * @param part of `PROPERTY_RUNS`, for what costs more than computing
 */
export function propertyRuns(usually: number, part = 1): number {
  return wanted === undefined ? usually : Math.max(usually, Math.ceil(Number(wanted) * part));
}
