/** The lock file: what `npm ci` installs is checked by its hash, on every platform. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { repository } from './compose-file';

interface Entry {
  link?: boolean;
  integrity?: string;
}

it('gives every package a SHA-512 hash', () => {
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
