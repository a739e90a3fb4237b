import { readFileSync } from 'node:fs';
import { filesUnder, ROOT } from './_tree';

describe('the modules of src/', () => {
  const modules = filesUnder('src').filter((path) => /\.(ts|tsx|js|cjs)$/.test(path));

  it('open with a sentence on their role, directly above their imports', () => {
    expect(modules.length).toBeGreaterThan(300);
    expect(modules.filter((path) => !opensWithItsRole(path))).toEqual([]);
  });

  function opensWithItsRole(path: string): boolean {
    const text = readFileSync(`${ROOT}/${path}`, 'utf8')
      .replace(/^#!.*\n/, '')
      .replace(/^'use strict';\n/, '');
    const role = /^(?:\/\*\*[\s\S]*?\*\/|\/\/[^\n]*)\n/.exec(text)?.[0];
    return role !== undefined && !/^\n+import /.test(text.slice(role.length));
  }
});
