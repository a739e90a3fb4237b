/**
 * The time from `npm start` in this checkout to the first refreshed account, including the build. `npm run bench --
 * first`; with `--cold` it uses no cached engines and no caches of Go and Maven, as on a new machine.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const cold = process.argv.includes('--cold');
const scratch = mkdtempSync(join(tmpdir(), 'evergrant-first-'));
const emptyCaches = {
  XDG_CACHE_HOME: join(scratch, 'cache'),
  GOCACHE: join(scratch, 'go-build'),
  GOMODCACHE: join(scratch, 'go-mod'),
  GOFLAGS: '-modcacherw',
  MAVEN_OPTS: `-Dmaven.repo.local=${join(scratch, 'maven')}`,
};

const started = performance.now();
const seconds = () => `${((performance.now() - started) / 1000).toFixed(1)} s`;
const child = spawn('npm', ['start'], {
  env: { ...process.env, ...(cold ? emptyCaches : {}), DATA_DIR: join(scratch, 'data'), PORT: '0' },
  stdio: ['ignore', 'pipe', 'inherit'],
});
createInterface({ input: child.stdout }).on('line', (line) => {
  if (!line.startsWith('{')) return;
  const { msg, action } = JSON.parse(line);
  if (action === undefined) process.stdout.write(`${seconds().padStart(8)}  ${msg}\n`);
  if (action !== 'token_refreshed') return;
  process.stdout.write(`${seconds().padStart(8)}  first account refreshed (${cold ? 'no caches' : 'warm caches'})\n`);
  child.stdout.removeAllListeners();
  child.kill('SIGTERM');
});
child.once('exit', () => rmSync(scratch, { recursive: true, force: true, maxRetries: 5 }));
