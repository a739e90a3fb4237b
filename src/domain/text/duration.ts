/** Parses durations of configuration, API and forms into milliseconds. */
import ms, { type StringValue } from 'ms';
import { z } from 'zod';

const isDuration = (text: string): text is StringValue => /^\d+(\.\d+)?\s*(ms|s|m|h|d)$/.test(text);

const A_DURATION = 'a duration such as 90s, 10m or 1h';

/** Explains a number with a unit that is not a duration, such as `0s` or `5y`. */
function aDuration(given: unknown): string {
  return typeof given === 'string' && /^\d+(\.\d+)?\s*[a-z]+$/i.test(given)
    ? 'a duration of more than 0 in ms, s, m, h or d, such as 90s, 10m or 1h'
    : A_DURATION;
}

/** Builds `must be a duration such as 90s, 10m or 1h, not 5`. A long value is omitted: it may be a misplaced secret. */
export function mustBe(wanted: string, given: unknown): string {
  const shown = JSON.stringify(given) ?? 'nothing';
  return `must be ${wanted}${shown.length > 20 ? '' : `, not ${shown}`}`;
}

/** Parses `90s`, `10m` or `1h` into milliseconds. */
export const duration = z
  .string({ error: ({ input }) => mustBe(A_DURATION, input) })
  .transform((given, context) => {
    const value = isDuration(given) ? ms(given) : undefined;
    if (value === undefined || value <= 0) {
      context.addIssue(mustBe(aDuration(given), given));
      return z.NEVER;
    }
    return value;
  });

/** A duration or one of the given words. */
export function durationOr<const W extends string>(...words: [W, ...W[]]) {
  return z.union([z.enum(words), duration], {
    error: ({ input }) => mustBe(`${words.join(', ')} or ${aDuration(input)}`, input),
  });
}
