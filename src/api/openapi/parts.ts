/** Small parts that the schemas of several routes share. */
import { z } from '@hono/zod-openapi';

export const time = z.iso.datetime();

export const ProviderValuesBody = z.record(z.string(), z.string()).openapi('ProviderValues', {
  description:
    'Values that the provider stated beside the tokens, by the names in the provider file, such as the base of its API. Absent: it stated none.',
  example: { instance_url: 'https://example.my.salesforce.com' },
});

/** A named schema or `null`. `.nullable()` would write its null into the named schema, or lose it. */
export function orNull<T extends z.ZodType>(schema: T) {
  return z.union([schema, z.null()]);
}

/** More values per filter would make long queries; the largest known set has about 30. */
const VALUES_MAX = 50;

/**
 * A filter of a query with any number of values: the parameter is repeated, or has its values between commas.
 * @param hasCommas a value may contain commas, so they do not separate values
 */
export function anyOf<T extends z.ZodType<string>>(
  value: T,
  {
    description,
    example,
    hasCommas = false,
  }: { description: string; example?: z.output<T>; hasCommas?: boolean },
) {
  const values = z.preprocess(
    // The typed client sends one value or several.
    (given: z.input<T> | z.input<T>[]) =>
      [given]
        .flat()
        .flatMap((one: unknown) =>
          typeof one === 'string' && !hasCommas ? one.split(',') : [one],
        ),
    z.array(value).max(VALUES_MAX),
  );
  return values.optional().openapi({
    description: `${description}. Repeat the parameter for several values${hasCommas ? '' : ', or write commas between them'}.`,
    ...(example === undefined ? {} : { example: [example] }),
  });
}

const providerId = z.string().max(64);

/** The provider parameter of a query. */
export const ofProvider = providerId
  .optional()
  .openapi({ description: 'Only this provider', example: 'ebay' });

export const ofProviders = anyOf(providerId, {
  description: 'Only these providers',
  example: 'ebay',
});

/** A boolean parameter of a query. */
export const yesOrNo = z.enum(['true', 'false']).transform((text) => text === 'true');
