/** The reader of Evergrant's output stops reading; refreshes must not stop with it. Needs `npm run build`. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, createReadStream, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from '../support/eventually';

const LOGGING = join(__dirname, '..', '..', 'build', 'process', 'logging.js');

/** Writes a hundred lines of 2 kB every 10 ms, and prints the longest stall of the event loop to stderr. */
const WRITER = `
  const { monitorEventLoopDelay } = require('node:perf_hooks');
  const [, logging, megabytes] = process.argv;
  const pino = require('pino');
  const logger = logging === 'blocking'
    ? pino(pino.destination({ sync: true }))
    : require(logging).createLogger('info');
  const stalls = monitorEventLoopDelay({ resolution: 10 });
  stalls.enable();
  let left = Number(megabytes) * 500;
  const timer = setInterval(() => {
    for (let at = 0; at < 100 && left > 0; at += 1, left -= 1) logger.info('x'.repeat(2000));
    if (left > 0) return;
    clearInterval(timer);
    process.stderr.write(JSON.stringify({ stalledMs: Math.round(stalls.max / 1e6) }));
  }, 10);
  process.stdin.on('end', () => process.exit(0)).resume();
`;

const children: ChildProcess[] = [];
const directory = mkdtempSync(join(tmpdir(), 'evergrant-output-'));
afterEach(async () => {
  for (const child of children.splice(0)) {
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

let pipes = 0;
function write(logging: string, megabytes: number) {
  // A real pipe without a reader until `read` is called.
  const pipe = join(directory, `pipe-${(pipes += 1)}`);
  execFileSync('mkfifo', [pipe]);
  const end = openSync(pipe, 'r+');
  const child = spawn(process.execPath, ['-e', WRITER, logging, String(megabytes)], {
    cwd: join(__dirname, '..', '..'),
    stdio: ['pipe', end, 'pipe'],
  });
  children.push(child);
  const reader = openSync(pipe, 'r');
  closeSync(end);
  let said = '';
  child.stderr?.on('data', (chunk) => {
    said += String(chunk);
  });
  return {
    /** Starts to read. */
    read: () => createReadStream('', { fd: reader }),
    report: (withinMs?: number) =>
      eventually<{ stalledMs: number }>(() => said !== '' && JSON.parse(said), withinMs),
  };
}

it('F27 a process without a reader of its output continues, and the output arrives once it is read', async () => {
  const writer = write(LOGGING, 4);
  const { stalledMs } = await writer.report();
  expect(stalledMs).toBeLessThan(1000);
  let lines = 0;
  writer.read().on('data', (chunk) => {
    lines += String(chunk).split('\n').length - 1;
  });
  await eventually(() => lines === 2000);
});

it('F27 output that stays unread is dropped, counted and reported, and uses at most 8 MB of memory', async () => {
  const writer = write(LOGGING, 20);
  expect((await writer.report()).stalledMs).toBeLessThan(1000);
  let text = '';
  writer.read().on('data', (chunk) => {
    text += String(chunk);
  });
  const notice = await eventually(() => /\{[^\n]*log lines were dropped[^\n]*\}/.exec(text)?.[0]);
  const { dropped } = JSON.parse(notice) as { dropped: number };
  const written = text.split('\n').filter((line) => line.includes('xxx')).length;
  expect(written + dropped).toBe(10_000);
  expect(written).toBeLessThan(5_000);
});

it('F27 control: a logger that writes within the event loop blocks the process', async () => {
  await expect(write('blocking', 4).report(3_000)).rejects.toThrow('did not become true');
});
