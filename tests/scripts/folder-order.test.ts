/** The linter keeps the folders of `src/` in their order, and modules free of circles. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { lintFiles } from '../support/lint';

const ROOT = join(__dirname, '..', '..');

describe('the order of the folders', () => {
  const lint = (files: Record<string, string>) => lintFiles(files, ['house/folder-order']);

  it.each([
    ['a value', "export { openStore } from '../store/store';"],
    ['a type', "import type { Store } from '../store/store';\nexport type X = Store;"],
    ['a type by its path', "export type X = import('../store/store').Store;"],
    ['a module at run time', "export const x = () => import('../store/store');"],
    ['a folder outside of the order', "export { x } from '../elsewhere/x';"],
  ])('refuses a module of the domain that imports %s from a folder above it', (_title, lines) => {
    expect(lint({ 'domain/account/tried.ts': lines.replace("'../", "'../../") })).toMatch(
      /folder-order/,
    );
  });

  it('accepts imports from folders below, and from the same folder', () => {
    const lines = "export { y } from '../domain/y';\nexport { z } from './z';";
    expect(lint({ 'store/tried.ts': lines })).toBe('');
  });

  it('names every folder of src/ once', () => {
    const { overrides } = JSON.parse(readFileSync(join(ROOT, '.oxlintrc.json'), 'utf8'));
    const [{ rules }] = overrides;
    const [, order] = rules['house/folder-order'];
    expect(order.toSorted()).toEqual(readdirSync(join(ROOT, 'src')).toSorted());
  });
});

describe('circles of imports', () => {
  const lint = (files: Record<string, string>) => lintFiles(files, ['import/no-cycle']);

  it('are refused if they consist of values', () => {
    const files = {
      'domain/a.ts': "import { b } from './b';\nexport const a = () => b;",
      'domain/b.ts': "import { a } from './a';\nexport const b = () => a;",
    };
    expect(lint(files)).toMatch(/no-cycle/);
  });

  it('are refused if they consist only of types', () => {
    const files = {
      'domain/a.ts': "import type { B } from './b';\nexport interface A { b: B }",
      'domain/b.ts': "import type { A } from './a';\nexport interface B { a: A }",
    };
    expect(lint(files)).toMatch(/no-cycle/);
  });
});
