/** The sources of the keys, and the message for each failure, which never contains a key. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConfigError, loadConfig } from '../../src/process/config';
import { randomKey } from './_keys';

const [K1, K2] = [randomKey(), randomKey()];
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'evergrant-keys-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function file(text: string): string {
  const path = join(folder, `${Math.random()}`.slice(2));
  writeFileSync(path, text);
  return path;
}

/** A command that runs this JavaScript. Its words contain spaces and characters that a shell would expand. */
const node = (script: string) => JSON.stringify([process.execPath, '-e', script]);

const load = (environment: Record<string, string>) =>
  loadConfig({ PROVIDERS_FILE: file('providers: {}'), ...environment }).encryptionKeys;

/** Returns the problem of the configuration in one line. */
function problem(environment: Record<string, string>): string {
  try {
    load(environment);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.join('\n');
    throw error;
  }
  return 'accepted';
}

describe('the keys', () => {
  it.each<[string, () => Record<string, string>]>([
    ['the environment', () => ({ ENCRYPTION_KEYS: `k2:${K2},k1:${K1}` })],
    ['a file', () => ({ ENCRYPTION_KEYS_FILE: file(`k2:${K2},k1:${K1}`) })],
    [
      'a file with one key per line',
      () => ({ ENCRYPTION_KEYS_FILE: file(`k2:${K2}\nk1:${K1}\n`) }),
    ],
    [
      'a file with commas and line breaks',
      () => ({ ENCRYPTION_KEYS_FILE: file(`k2:${K2},\r\nk1:${K1}\r\n`) }),
    ],
    ['a command', () => ({ ENCRYPTION_KEYS_COMMAND: `cat ${file(`k2:${K2}\nk1:${K1}\n`)}` })],
    [
      'a command with spaces in its words',
      () => ({ ENCRYPTION_KEYS_COMMAND: node(`console.log("k2:${K2} , k1:${K1}")`) }),
    ],
  ])('are read from %s', (_source, environment) => {
    const ring = load(environment());
    expect(ring?.keyIds).toEqual(['k2', 'k1']);
    expect([...(ring?.keyChecks() ?? [])]).toEqual([
      ...(load({ ENCRYPTION_KEYS: `k2:${K2},k1:${K1}` })?.keyChecks() ?? []),
    ]);
  });

  it('are read from a command without a shell, so that nothing is expanded', () => {
    const text = file(`k1:${K1}`);
    expect(problem({ ENCRYPTION_KEYS_COMMAND: `cat ${text} | cat` })).toMatch(
      /exited with code 1$/,
    );
    expect(problem({ ENCRYPTION_KEYS_COMMAND: 'echo $ENCRYPTION_KEYS' })).toMatch(/key 1 must be/);
  });
});

describe('an invalid source', () => {
  const spilling = `process.stderr.write("k1:${K1}"); process.stdout.write("k1:${K1}");`;
  it.each<[string, () => Record<string, string>, RegExp]>([
    [
      'two sources',
      () => ({ ENCRYPTION_KEYS: `k1:${K1}`, ENCRYPTION_KEYS_FILE: file(`k1:${K1}`) }),
      /^ENCRYPTION_KEYS and ENCRYPTION_KEYS_FILE are set: keep only one of them$/,
    ],
    [
      'a missing file',
      () => ({ ENCRYPTION_KEYS_FILE: join(folder, 'none') }),
      /^ENCRYPTION_KEYS_FILE names a file that cannot be read \(ENOENT\)$/,
    ],
    [
      'a folder',
      () => ({ ENCRYPTION_KEYS_FILE: folder }),
      /^ENCRYPTION_KEYS_FILE names a file that cannot be read \(EISDIR\)$/,
    ],
    [
      'the keys in place of the file',
      () => ({ ENCRYPTION_KEYS_FILE: `k1:${K1}` }),
      /^ENCRYPTION_KEYS_FILE names a file that cannot be read/,
    ],
    [
      'an empty file',
      () => ({ ENCRYPTION_KEYS_FILE: file(' \n') }),
      /^ENCRYPTION_KEYS_FILE names a file that is empty$/,
    ],
    [
      'F24 a truncated key',
      () => ({ ENCRYPTION_KEYS_FILE: file(`k1:${K1.slice(0, 30)}`) }),
      /^ENCRYPTION_KEYS_FILE key 1 .*must be 32 bytes/,
    ],
    [
      'the keys in place of the command',
      () => ({ ENCRYPTION_KEYS_COMMAND: `k1:${K1}` }),
      /^ENCRYPTION_KEYS_COMMAND names a program that was not found$/,
    ],
    [
      'a command that prints a key and fails',
      () => ({ ENCRYPTION_KEYS_COMMAND: node(`${spilling} process.exit(3)`) }),
      /^ENCRYPTION_KEYS_COMMAND exited with code 3$/,
    ],
    [
      'a command that prints no keys',
      () => ({ ENCRYPTION_KEYS_COMMAND: node(`console.log("{\\"key\\": \\"${K1}\\"}")`) }),
      /^ENCRYPTION_KEYS_COMMAND key 1 must be written kid:base64/,
    ],
    [
      'a command that prints nothing',
      () => ({ ENCRYPTION_KEYS_COMMAND: node('') }),
      /^ENCRYPTION_KEYS_COMMAND printed nothing$/,
    ],
    [
      'a command that prints endlessly',
      () => ({
        ENCRYPTION_KEYS_COMMAND: node(`for (;;) require("fs").writeSync(1, "k1:${K1}\\n")`),
      }),
      /^ENCRYPTION_KEYS_COMMAND printed more than 64 kB$/,
    ],
    [
      'an invalid list',
      () => ({ ENCRYPTION_KEYS_COMMAND: '["vault", 1]' }),
      /^ENCRYPTION_KEYS_COMMAND must be a program and its arguments/,
    ],
  ])('is reported without any part of a key: %s', (_source, environment, message) => {
    const text = problem(environment());
    expect(text).toMatch(message);
    for (let at = 0; at + 8 <= K1.length; at += 1) expect(text).not.toContain(K1.slice(at, at + 8));
  });
});
