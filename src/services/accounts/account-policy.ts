/** An account's own policy, as the API reads and shows it: durations as `10m`. */
import { z } from '@hono/zod-openapi';
import type { AccountPolicy } from '../../domain/account/policy';
import { ServiceError } from '../../domain/service-error';
import { duration, durationOr } from '../../domain/text/duration';
import { asConfigured } from '../../domain/text/time-text';
import { validationInterval } from '../../providers/config/providers-file';
import type { ProviderEnvironment } from '../../providers/provider';

const example = (text: string) => ({ type: 'string' as const, example: text });

export const PolicyInput = z
  .strictObject({
    enabled: z.boolean().optional().openapi({
      description: 'false: sweeps skip the account; it is refreshed only on request and on use',
    }),
    refresh_before: duration.optional().openapi(example('15m')),
    refresh_after_age: durationOr('never').optional().openapi(example('1h')),
    jitter: durationOr('none').optional().openapi(example('5m')),
    back_off_first: duration.optional().openapi(example('10s')),
    back_off_max: duration.optional().openapi(example('1h')),
    validate_every: durationOr('sweep', 'never').optional().openapi(example('30m')),
  })
  .openapi('AccountPolicy', {
    description:
      "Settings that override the provider's policy for this account. A new value replaces all of them. The schedule of the provider sets the sweep interval.",
  });

export const PolicyBody = z
  .object({
    enabled: z.boolean().optional(),
    refresh_before: z.string().optional(),
    refresh_after_age: z.string().optional(),
    jitter: z.string().optional(),
    back_off_first: z.string().optional(),
    back_off_max: z.string().optional(),
    validate_every: z.string().optional(),
  })
  .openapi('StoredAccountPolicy', {
    description:
      'The settings of the account that override those of its provider. Absent members are not overridden.',
    example: { refresh_before: '15m' },
  });

/**
 * `undefined` leaves the policy unchanged; `null` removes it.
 * @throws {ServiceError} if the account's environment does not support a setting
 */
export function accountPolicyOf(
  input: z.infer<typeof PolicyInput> | null | undefined,
  environment: Pick<ProviderEnvironment, 'validation'> | undefined,
): AccountPolicy | null | undefined {
  if (input === null || input === undefined) return input;
  const validates = input.validate_every !== undefined && input.validate_every !== 'never';
  if (validates && environment?.validation === null) {
    throw new ServiceError(
      'invalid_request',
      'policy.validate_every: this provider cannot validate access tokens; configure its validationEndpoint, or omit this member',
    );
  }
  const { enabled, refresh_before, refresh_after_age, jitter, back_off_first, back_off_max } =
    input;
  const { validate_every } = input;
  return {
    ...(enabled === undefined ? {} : { enabled }),
    ...(refresh_before === undefined ? {} : { refreshBeforeMs: refresh_before }),
    ...(refresh_after_age === undefined
      ? {}
      : { refreshAfterAgeMs: refresh_after_age === 'never' ? null : refresh_after_age }),
    ...(jitter === undefined ? {} : { jitterMs: jitter === 'none' ? 0 : jitter }),
    ...(back_off_first === undefined ? {} : { backOffFirstMs: back_off_first }),
    ...(back_off_max === undefined ? {} : { backOffMaxMs: back_off_max }),
    ...(validate_every === undefined
      ? {}
      : { validateEveryMs: validationInterval(validate_every) }),
  };
}

export function policyBody(policy: AccountPolicy): z.infer<typeof PolicyBody> {
  const { enabled, refreshBeforeMs, refreshAfterAgeMs, jitterMs, backOffFirstMs, backOffMaxMs } =
    policy;
  const { validateEveryMs } = policy;
  return {
    ...(enabled === undefined ? {} : { enabled }),
    ...(refreshBeforeMs === undefined ? {} : { refresh_before: asConfigured(refreshBeforeMs) }),
    ...(refreshAfterAgeMs === undefined
      ? {}
      : {
          refresh_after_age: refreshAfterAgeMs === null ? 'never' : asConfigured(refreshAfterAgeMs),
        }),
    ...(jitterMs === undefined ? {} : { jitter: jitterMs === 0 ? 'none' : asConfigured(jitterMs) }),
    ...(backOffFirstMs === undefined ? {} : { back_off_first: asConfigured(backOffFirstMs) }),
    ...(backOffMaxMs === undefined ? {} : { back_off_max: asConfigured(backOffMaxMs) }),
    ...(validateEveryMs === undefined ? {} : { validate_every: validationText(validateEveryMs) }),
  };
}

function validationText(everyMs: number | null): string {
  if (everyMs === null) return 'never';
  return everyMs === 0 ? 'sweep' : asConfigured(everyMs);
}
