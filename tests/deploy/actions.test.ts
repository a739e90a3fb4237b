/** The workflows of CI: each action is pinned by its commit, because its tags can be moved. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { repository } from './compose-file';

const folder = join(repository, '.github', 'workflows');
const uses = readdirSync(folder).flatMap((name) =>
  [...readFileSync(join(folder, name), 'utf8').matchAll(/^[ -]*uses: (.*)$/gm)].map(
    ([, action = '']) => action,
  ),
);

it('CI pins every action by its commit, with its version in a comment', () => {
  expect(uses).not.toHaveLength(0);
  const unpinned = uses.filter(
    (action) => !/^[\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/.test(action),
  );
  expect(unpinned).toEqual([]);
});
