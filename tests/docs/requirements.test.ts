import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { filesUnder, ROOT } from './_tree';

const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');
/** R, T or M and a decimal, or C and two digits, is a requirement; F is a fault and P a promise. */
const ID = /\b(?:[RTM]\d+\.\d+|[FP]\d+|C\d\d)\b/g;

const files = filesUnder('tests').filter((path) => path.endsWith('.test.ts'));
/** The ids in titles, which are the first argument of a call, with the files that name them. */
const named = files.flatMap((path) =>
  [...read(path).matchAll(/\(\s*(['"`])((?:\\.|(?!\1)[^\\])*)\1/g)]
    .flatMap(([, , title = '']) => title.match(ID) ?? [])
    .map((id) => ({ id, path })),
);

/** The ids in the first column of a document's tables. */
function explainedIn(document: string): string[] {
  return read(document)
    .split('\n')
    .flatMap((line) => /^\| ([CRTMFP\d., ]+) \| \S/.exec(line)?.[1]?.match(ID) ?? []);
}

describe('docs/requirements.md', () => {
  const explained = explainedIn('docs/requirements.md');
  const promises = explainedIn('docs/reliability.md').filter((id) => id.startsWith('P'));

  it('explains every id in the title of a test, or links to its explanation', () => {
    expect(named.length).toBeGreaterThan(100);
    const known = new Set([...explained, ...promises]);
    expect(named.filter(({ id }) => !known.has(id))).toEqual([]);
    expect(read('docs/requirements.md')).toContain('](reliability.md)');
  });

  it('explains each id once', () => {
    expect(explained.length).toBe(new Set(explained).size);
  });

  it('has a test for every requirement', () => {
    const proven = new Set(files.flatMap((path) => read(path).match(ID) ?? []));
    const requirements = explained.filter((id) => /^[CRTM]/.test(id));
    expect(requirements.length).toBeGreaterThan(30);
    expect(requirements.filter((id) => !proven.has(id))).toEqual([]);
  });
});
