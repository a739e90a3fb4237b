/** The `evergrant` command is never looked up in the public npm registry, where anybody could register its name. */
import { execFileSync } from 'node:child_process';
import { lstatSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './_tree';

/** The changelog tells the past, and this test writes what it forbids. */
const EXEMPT = ['CHANGELOG.md', 'tests/docs/install.test.ts'];
/** Commands that download and run a package of that name if none is installed. */
const REMOTE_RUN =
  /\b(?:npx|npm exec|npm x|pnpm dlx|yarn dlx|bunx)((?: +-\S+)*) +(?:-- +)?evergrant\b/g;

function remoteRuns(text: string): string[] {
  return [...text.matchAll(REMOTE_RUN)]
    .filter(([, options = '']) => !options.split(' ').includes('--no'))
    .map(([command]) => command);
}

it('recognises commands that would download the package', () => {
  const text =
    'npx evergrant, npx --yes evergrant, npm exec -- evergrant, npx --no -- evergrant, evergrant';
  expect(remoteRuns(text)).toEqual([
    'npx evergrant',
    'npx --yes evergrant',
    'npm exec -- evergrant',
  ]);
});

it('no tracked file tells a reader to download the package by its name', () => {
  const files = execFileSync('git', ['ls-files', '-z'], { cwd: ROOT, encoding: 'utf8' })
    .split('\0')
    .filter((path) => path !== '' && !EXEMPT.includes(path))
    // A link leads to a file that is read anyway.
    .filter((path) => lstatSync(join(ROOT, path)).isFile());
  expect(files.length).toBeGreaterThan(500);
  const found = files.flatMap((path) =>
    remoteRuns(readFileSync(join(ROOT, path), 'utf8')).map((command) => `${path}: ${command}`),
  );
  expect(found).toEqual([]);
});
