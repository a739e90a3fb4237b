/** The output of `npm start` in a terminal, as a person sees it. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { eventually } from '../support/eventually';
import { cleanUp, START_MS, temporaryFolder } from './_evergrant';

const ROOT = join(__dirname, '../..');
/** Runs the program in a separate terminal, and ends with the exit code of the program. */
const IN_TERMINAL = 'import pty, sys; sys.exit(pty.spawn(sys.argv[1:]) >> 8)';

/** The first sweep may end before the banner is printed. */
const SWEPT_AND_READY = /^(?=[^]*sweep finished · ebay: .*\n)(?=[^]*To see refreshes every minute)/;

let dataDir: string;
beforeAll(() => {
  dataDir = temporaryFolder();
});
afterAll(cleanUp, START_MS);

/** Runs until the output matches, then stops with Ctrl-C. */
async function shownInTerminal(args: string[], until: RegExp): Promise<string[]> {
  const program = [process.execPath, join(ROOT, 'build/main.js'), ...args];
  const terminal = spawn('python3', ['-c', IN_TERMINAL, ...program], {
    env: { ...process.env, DATA_DIR: dataDir, LOG_LEVEL: 'info' },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let output = '';
  terminal.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  const text = () => stripVTControlCharacters(output).replaceAll('\r\n', '\n');
  const exited = new Promise((resolve) => terminal.once('close', resolve));
  try {
    await eventually(() => until.test(text()) || terminal.exitCode !== null, START_MS);
  } finally {
    terminal.stdin.write('\x03');
    await exited;
  }
  return text().split('\n');
}

it('shows each step in a line, then the banner with the key, then a line for each attempt', async () => {
  const lines = await shownInTerminal([], SWEPT_AND_READY);
  const banner = lines.findIndex((line) => line.startsWith('Evergrant is running'));
  const end = lines.findIndex((line) => line.startsWith('To see refreshes every minute'));
  expect(lines.slice(banner, end).join('\n')).toMatch(/Admin key +evg_\S+ +\(shown only once/);
  // Schedules start the first sweeps while the API starts.
  const isAttempt = (line: string) => line.includes(' · ');
  const before = lines.slice(0, banner).filter((line) => line !== '');
  const steps = before.filter((line) => !isAttempt(line));
  expect(steps.length).toBeLessThan(15);
  expect(steps.join('\n')).toMatch(/Temporal is ready at 127\.0\.0\.1:\d+/);
  const after = lines.slice(end + 1).filter((line) => line !== '' && !line.startsWith('^C'));
  for (const line of [...before, ...after]) expect(line).toMatch(/^\d\d:\d\d:\d\d [ ✓!✗] \S/);
  expect([...before, ...after].join('\n')).toMatch(/✓ ebay · Harbour Books.*: Refreshed: /);
  expect(after.join('\n')).not.toMatch(/no account was due/);
});

it('says at the second start how to get a key again, and shows every member with --verbose', async () => {
  const lines = await shownInTerminal(['--verbose'], /To see refreshes every minute/);
  expect(lines.join('\n')).toMatch(
    /Admin key +shown at the first start\. Lost it\? Start with a new/,
  );
  expect(lines.join('\n')).not.toMatch(/evg_[0-9a-f]{16}_/);
  expect(lines.join('\n')).toMatch(/ {4}signal: "SIGINT"/);
});

it('refuses an unknown argument', async () => {
  const lines = await shownInTerminal(['--verbos'], /\n/);
  expect(lines.join('\n')).toContain(
    '--verbos is not an option. --verbose shows every member of each log line.',
  );
});
