/** Writes providers/schema.json, the form of provider files for editors. `npx --no tsx scripts/provider-schema.ts` */
import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { providerJsonSchema } from '../src/providers/catalogue/json-schema';

writeFileSync(
  resolve(__dirname, '../providers/schema.json'),
  `${JSON.stringify(providerJsonSchema(), null, 2)}\n`,
);
