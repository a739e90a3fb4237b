/** The lockfile, with whose hashes `npm ci` verifies each package on every platform. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { repository } from './compose-file';

interface Entry {
  link?: boolean;
  integrity?: string;
}

it('the lockfile has a SHA-512 hash for every package', () => {
  const lock = JSON.parse(readFileSync(join(repository, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, Entry>;
  };
  const entries = Object.entries(lock.packages).filter(
    ([place, { link }]) => place !== '' && !link,
  );
  expect(entries.length).toBeGreaterThan(500);
  const unchecked = entries.filter(
    ([, { integrity = '' }]) => !/^sha512-[\w+/]{86}==$/.test(integrity),
  );
  expect(unchecked.map(([place]) => place)).toEqual([]);
});
