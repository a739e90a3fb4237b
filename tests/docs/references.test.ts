import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { filesUnder, ROOT } from './_tree';

/** Folders whose paths the documents write from the root of the repository. */
const FOLDERS = ['src', 'tests', 'docs', 'scripts', 'bench', 'deploy', 'embedded-mongodb'];
const PATH = new RegExp(`^(?:${FOLDERS.join('|')})(?:/[\\w.-]+)*/?$`);

// docs/migrating.md names files of other projects.
const documents = [
  'README.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  ...filesUnder('docs').filter((path) => path.endsWith('.md') && path !== 'docs/migrating.md'),
];
/** Files with and without their endings, and folders. */
const known = new Set(
  FOLDERS.flatMap((folder) => filesUnder(folder)).flatMap((path) => [
    path,
    path.replace(/(?:\.integration)?(?:\.test)?\.[a-z]+$/, ''),
    ...foldersOf(path),
  ]),
);

function foldersOf(path: string): string[] {
  const folder = dirname(path);
  return folder === '.' ? [] : [folder, ...foldersOf(folder)];
}

/** The paths that a text names; a bare name after a path and a comma stands in the same folder. */
function pathsIn(text: string): string[] {
  return [...text.matchAll(/(`[^`\n]+`)(?:,\s`[a-z0-9-]+(?:\.tsx?)?`)*/g)].flatMap(([list]) => {
    const [first = '', ...bare] = [...list.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name);
    if (!PATH.test(first)) return [];
    return [first.replace(/\/$/, ''), ...bare.map((name) => join(dirname(first), name))];
  });
}

describe('the documents', () => {
  it.each(documents)('%s names only files and folders that exist', (document) => {
    const paths = pathsIn(readFileSync(join(ROOT, document), 'utf8'));
    expect(paths.filter((path) => !known.has(path))).toEqual([]);
  });

  it('of security, reliability and design name files', () => {
    const named = documents.flatMap((document) =>
      pathsIn(readFileSync(join(ROOT, document), 'utf8')),
    );
    expect(named.length).toBeGreaterThan(100);
  });

  it.each(documents)('%s links only to files that exist', (document) => {
    const links = [
      ...readFileSync(join(ROOT, document), 'utf8').matchAll(
        /\]\((?!https?:|#|mailto:)([^)#\s]+)/g,
      ),
    ].map(([, link = '']) => join(dirname(document), link).replace(/\/$/, ''));
    expect(links.filter((link) => !existsSync(join(ROOT, link)))).toEqual([]);
  });
});
