import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { filesUnder, ROOT } from './_tree';

const page = readFileSync(join(ROOT, 'docs/architecture.md'), 'utf8');
const [, figure = ''] = /```\n([\s\S]*?)```/.exec(page) ?? [];
/** The first word of each line of the figure, but for the arrow. */
const drawn = [...figure.matchAll(/^ {2}(\S+) /gm)].map(([, name = '']) => name);

describe('docs/architecture.md', () => {
  it('draws every folder of src/ once', () => {
    expect(drawn.toSorted()).toEqual(readdirSync(join(ROOT, 'src')).toSorted());
  });

  it('draws the folders in the order that lint enforces', () => {
    const { overrides } = JSON.parse(readFileSync(join(ROOT, '.oxlintrc.json'), 'utf8'));
    const [, order] = overrides.find(({ rules }: { rules: object }) =>
      Object.hasOwn(rules, 'house/folder-order'),
    ).rules['house/folder-order'];
    expect(drawn).toEqual(order);
  });

  it('names only functions that exist', () => {
    const named = [...page.matchAll(/`(\w+)\(\)`/g)].map(([, name = '']) => name);
    expect(named.length).toBeGreaterThan(10);
    const code = filesUnder('src')
      .filter((path) => path.endsWith('.ts'))
      .map((path) => readFileSync(join(ROOT, path), 'utf8'))
      .join('\n');
    expect(named.filter((name) => !new RegExp(`\\b${name}\\b[(<]`).test(code))).toEqual([]);
  });

  it('names a first file to open for at least twelve changes', () => {
    const [, table = ''] = page.split('## If you want to change X, open Y');
    const first = [...table.matchAll(/^\| [a-z][^|]*\| `(src\/[^`]+)` \|/gm)].map(
      ([, path = '']) => path,
    );
    expect(first.length).toBeGreaterThanOrEqual(12);
    expect(new Set(first).size).toBe(first.length);
  });
});
