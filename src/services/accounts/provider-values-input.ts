/** Validates the provider values that a person enters with a grant: only those that the provider file keeps. */
import { z } from '@hono/zod-openapi';
import type { SealedGrant } from '../../domain/account/grant';
import { PROVIDER_VALUE_LENGTH_MAX, PROVIDER_VALUES_MAX } from '../../domain/account/grant-bounds';
import { ServiceError } from '../../domain/service-error';
import { keptText } from '../../providers/exchange/provider-values';
import type { ProviderAdapter } from '../../providers/provider';

/** Maximum length of a name, in characters. A path in a provider file is shorter. */
const NAME_LENGTH_MAX = 200;

export const ProviderValuesInput = z
  .record(
    z.string().min(1).max(NAME_LENGTH_MAX),
    z.string().min(1).max(PROVIDER_VALUE_LENGTH_MAX),
    'must be a JSON object with names and texts',
  )
  .refine(
    (values) => Object.keys(values).length <= PROVIDER_VALUES_MAX,
    `at most ${PROVIDER_VALUES_MAX} values`,
  );

/** The names of the values that a consent at this provider keeps. */
export function providerValueNames({
  keptMembers = [],
  consent,
}: Pick<ProviderAdapter, 'keptMembers' | 'consent'>): string[] {
  return [...keptMembers, ...(consent?.callbackPatterns ?? []).map(({ name }) => name)];
}

/**
 * @param secrets values that must not appear in provider values, which are stored and shown unmasked
 * @throws {ServiceError} for a value that a consent would not keep, or a host of another provider
 */
export function enteredProviderValues(
  entered: z.infer<typeof ProviderValuesInput> | undefined,
  adapter: ProviderAdapter,
  secrets: readonly string[],
): Pick<SealedGrant, 'providerValues'> {
  const { displayName, keptHosts = {}, consent } = adapter;
  const patterns = consent?.callbackPatterns ?? [];
  const names = new Set(providerValueNames(adapter));
  const entries = Object.entries(entered ?? {});
  for (const [name, value] of entries) {
    // A text that is not a name of the file may be a secret in the wrong place.
    if (!names.has(name))
      throw refusal(
        `provider_values: ${displayName} ${names.size === 0 ? 'has no such values' : `has only the values ${[...names].join(', ')}`}`,
      );
    if (keptHosts[name]?.(value) === null)
      throw refusal(`provider_values.${name}: is not a host of ${displayName}`);
    if (patterns.find((one) => one.name === name)?.accepts(value) === false)
      throw refusal(`provider_values.${name}: is not such a value of ${displayName}`);
    if (keptText(value, secrets) === null)
      throw refusal(`provider_values.${name}: contains a token or a secret`);
  }
  return entries.length === 0 ? {} : { providerValues: Object.fromEntries(entries) };
}

function refusal(message: string): ServiceError {
  return new ServiceError('invalid_request', message);
}
