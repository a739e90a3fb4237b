/** The JSON Schema of provider files, for editors. */
import { z } from 'zod';
import { providerFileSchema } from './provider-file';

export function providerJsonSchema(): Record<string, unknown> {
  const { $schema, ...schema } = z.toJSONSchema(providerFileSchema, { io: 'input', reused: 'ref' });
  return { $schema, title: 'A provider of Evergrant', ...schema };
}
