/** Small parts that the schemas of several routes share. */
import { z } from '@hono/zod-openapi';

export const time = z.iso.datetime();

/** A named schema or `null`. `.nullable()` would write its null into the named schema, or lose it. */
export function orNull<T extends z.ZodType>(schema: T) {
  return z.union([schema, z.null()]);
}

/** The provider parameter of a query. */
export const ofProvider = z
  .string()
  .max(64)
  .optional()
  .openapi({ description: 'Only this provider', example: 'ebay' });

/** A boolean parameter of a query. */
export const yesOrNo = z.enum(['true', 'false']).transform((text) => text === 'true');
