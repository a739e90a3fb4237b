/** The files of providers/: their form, their sources, and the published schema. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { providerJsonSchema } from '../../../src/providers/catalogue/json-schema';
import { catalogueIds, readCatalogueFile } from '../../../src/providers/catalogue/read-file';

const FOLDER = join(__dirname, '../../../providers');

it.each(catalogueIds())('providers/%s.yaml is valid', (id) => {
  expect(readCatalogueFile(id).id).toBe(id);
});

it('publishes the current schema: scripts/provider-schema.ts writes it', () => {
  const published: unknown = JSON.parse(readFileSync(join(FOLDER, 'schema.json'), 'utf8'));
  expect(published).toEqual(JSON.parse(JSON.stringify(providerJsonSchema())));
});

it.each(catalogueIds())('providers/%s.yaml names the schema for editors', (id) => {
  expect(readFileSync(join(FOLDER, `${id}.yaml`), 'utf8')).toMatch(
    /^# yaml-language-server: \$schema=\.\/schema\.json\n/,
  );
});
