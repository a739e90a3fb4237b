/** The pages of docs/providers/, which `npm run docs:providers` writes from the provider files. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { FOLDER, providerDocuments, readCoverage } from '../../scripts/provider-docs';
import { catalogueIds } from '../../src/providers/catalogue/read-file';

const documents = providerDocuments();

it('the folder has a page of each provider file, and no other', () => {
  const pages = readdirSync(FOLDER).filter((name) => name.endsWith('.md'));
  expect(pages.toSorted()).toEqual([...documents.keys()].toSorted());
  for (const id of catalogueIds()) expect(documents.has(`${id}.md`)).toBe(true);
});

it.each([...documents])('%s is current: npm run docs:providers writes it', (name, text) => {
  expect(readFileSync(join(FOLDER, name), 'utf8')).toBe(text);
});

it('the index counts every unknown field', () => {
  const index = documents.get('README.md') ?? '';
  const rows = [...index.matchAll(/^\| `[\w.]+` \| (\d+) \|/gm)].map(([, count]) => Number(count));
  const [, total] = /name (\d+) fields in/.exec(index) ?? [];
  expect(rows.reduce((sum, count) => sum + count, 0)).toBe(Number(total));
});

it('the coverage judges each provider of the study once', () => {
  const { rows, needs } = readCoverage();
  expect(new Set(rows.map(({ name }) => name)).size).toBe(68);
  expect(rows).toHaveLength(68);
  const used = new Set(rows.flatMap((row) => row.needs));
  expect([...used].toSorted()).toEqual(Object.keys(needs).toSorted());
});
