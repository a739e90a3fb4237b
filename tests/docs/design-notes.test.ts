/** The design notes: every note states its status, and the index names every note. */
import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { filesUnder, ROOT } from './_tree';

const notes = filesUnder('docs/design').filter((path) => basename(path) !== 'README.md');
const text = (path: string) => readFileSync(join(ROOT, path), 'utf8');

it.each(notes)('%s has its status after its title', (note) => {
  expect(text(note)).toMatch(/^# .+\n\nStatus: (?:accepted|superseded by)\b/);
});

it('the index links to every note', () => {
  const index = text('docs/design/README.md');
  expect(notes.filter((note) => !index.includes(`](${basename(note)})`))).toEqual([]);
});
