/** The workflows of CI: an action is the commit that was read, whatever becomes of its tags. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { repository } from './compose-file';

const folder = join(repository, '.github', 'workflows');
const uses = readdirSync(folder).flatMap((name) =>
  [...readFileSync(join(folder, name), 'utf8').matchAll(/^[ -]*uses: (.*)$/gm)].map(
    ([, action = '']) => action,
  ),
);

it('pins every action by its commit, and says which version that is', () => {
  expect(uses).not.toHaveLength(0);
  const unpinned = uses.filter(
    (action) => !/^[\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/.test(action),
  );
  expect(unpinned).toEqual([]);
});
