/** Runs the Java tests of the embedded MongoDB server. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

const pom = join(__dirname, '../../../embedded-mongodb/pom.xml');
const WITHIN_MS = 5 * 60_000; // the first run downloads JUnit and Maven's plugins

it(
  'the embedded MongoDB server passes its Java tests',
  () => {
    const { status, stdout, stderr, error } = spawnSync(
      'mvn',
      ['--batch-mode', '--quiet', '--strict-checksums', '--file', pom, 'test'],
      { encoding: 'utf8', timeout: WITHIN_MS },
    );
    expect({ status, error, output: status === 0 ? '' : stdout + stderr }).toEqual({
      status: 0,
      error: undefined,
      output: '',
    });
  },
  WITHIN_MS + 10_000,
);
