/** What one account has otherwise than its provider, as the API takes and shows it: durations as `10m`. */
import { z } from '@hono/zod-openapi';
import type { AccountPolicy } from '../domain/refresh-policy';
import { duration } from '../providers-file';

const example = (text: string) => ({ type: 'string' as const, example: text });

export const PolicyInput = z
  .strictObject({
    enabled: z.boolean().optional().openapi({
      description: 'false: sweeps leave it alone; it is refreshed by hand and on use only',
    }),
    refresh_before: duration.optional().openapi(example('15m')),
    refresh_after_age: z
      .union([z.literal('never'), duration])
      .optional()
      .openapi(example('1h')),
    jitter: z
      .union([z.literal('none'), duration])
      .optional()
      .openapi(example('5m')),
    back_off_first: duration.optional().openapi(example('10s')),
    back_off_max: duration.optional().openapi(example('1h')),
  })
  .openapi('AccountPolicy', {
    description:
      "What this account has otherwise than its provider; replaced as a whole. How often is swept is the provider's schedule's to say.",
  });

export const PolicyBody = z.object({
  enabled: z.boolean().optional(),
  refresh_before: z.string().optional(),
  refresh_after_age: z.string().optional(),
  jitter: z.string().optional(),
  back_off_first: z.string().optional(),
  back_off_max: z.string().optional(),
});

/** `undefined`: nothing is said; `null`: it is to be as its provider. */
export function accountPolicyOf(
  input: z.infer<typeof PolicyInput> | null | undefined,
): AccountPolicy | null | undefined {
  if (input === null || input === undefined) return input;
  const { enabled, refresh_before, refresh_after_age, jitter, back_off_first, back_off_max } =
    input;
  return {
    ...(enabled === undefined ? {} : { enabled }),
    ...(refresh_before === undefined ? {} : { refreshBeforeMs: refresh_before }),
    ...(refresh_after_age === undefined
      ? {}
      : { refreshAfterAgeMs: refresh_after_age === 'never' ? null : refresh_after_age }),
    ...(jitter === undefined ? {} : { jitterMs: jitter === 'none' ? 0 : jitter }),
    ...(back_off_first === undefined ? {} : { backOffFirstMs: back_off_first }),
    ...(back_off_max === undefined ? {} : { backOffMaxMs: back_off_max }),
  };
}

export function policyBody(policy: AccountPolicy): z.infer<typeof PolicyBody> {
  const { enabled, refreshBeforeMs, refreshAfterAgeMs, jitterMs, backOffFirstMs, backOffMaxMs } =
    policy;
  return {
    ...(enabled === undefined ? {} : { enabled }),
    ...(refreshBeforeMs === undefined ? {} : { refresh_before: asDuration(refreshBeforeMs) }),
    ...(refreshAfterAgeMs === undefined
      ? {}
      : {
          refresh_after_age: refreshAfterAgeMs === null ? 'never' : asDuration(refreshAfterAgeMs),
        }),
    ...(jitterMs === undefined ? {} : { jitter: jitterMs === 0 ? 'none' : asDuration(jitterMs) }),
    ...(backOffFirstMs === undefined ? {} : { back_off_first: asDuration(backOffFirstMs) }),
    ...(backOffMaxMs === undefined ? {} : { back_off_max: asDuration(backOffMaxMs) }),
  };
}

const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
] as const;

/** Exact, in the largest unit that divides it: `90m`, not `2h`. */
function asDuration(milliseconds: number): string {
  const [unit, size] = UNITS.find(([, each]) => milliseconds % each === 0) ?? ['ms', 1];
  return `${milliseconds / size}${unit}`;
}
