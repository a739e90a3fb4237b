/** The commands of pages, read by a real shell: every word arrives as it was, whatever it contains. */
import { execFileSync } from 'node:child_process';
import { array, assert, property, string } from 'fast-check';
import {
  cliCommand,
  cliOption,
  curlCommand,
  shellWord,
} from '../../../src/domain/text/shell-command';

const HOSTILE = [
  "it's",
  '"quoted"',
  '$(touch /tmp/pwned)',
  '`id`',
  '$EVERGRANT_API_KEY',
  'a\nb',
  "'; echo pwned; '",
  '\\',
  '~root',
  '*',
  '=ls',
  '-n',
  '',
  '!!',
  'a b\tc',
  '#no comment',
  '{a,b}',
  'ü→🙂',
];

/** The words that a shell passes to a program. */
function wordsOf(command: string): string[] {
  const script = `for word in ${command}; do printf '%s\\0' "$word"; done`;
  const shown = execFileSync('/bin/sh', ['-c', script], {
    encoding: 'utf8',
    env: { EVERGRANT_API_KEY: 'the-key' },
  });
  return shown.split('\0').slice(0, -1);
}

it.each(HOSTILE)('T2.1 a shell reads %j as one word, unchanged', (text) => {
  expect(wordsOf(shellWord(text))).toEqual([text]);
});

it('T2.1 a shell reads any text as one word, unchanged', () => {
  const text = string({ unit: 'grapheme' }).filter((one) => !one.includes('\0'));
  assert(
    property(array(text, { minLength: 1, maxLength: 4 }), (texts) => {
      expect(wordsOf(texts.map(shellWord).join(' '))).toEqual(texts);
    }),
    { numRuns: 30 },
  );
});

it('T2.1 the command of the command line passes each option with its value', () => {
  const words = ['accounts', 'list', cliOption('search', `-$(id)'\n`)];
  const command = cliCommand('http://127.0.0.1:3000', words).replace(/^EVERGRANT_URL=\S+ /, '');
  expect(wordsOf(command)).toEqual(['evergrant', 'accounts', 'list', `--search=-$(id)'\n`]);
});

it('T2.1 the command for curl takes the key from the variable and contains no key', () => {
  const command = curlCommand('http://127.0.0.1:3000', {
    method: 'POST',
    path: '/api/admin/accounts/release',
    body: { account_ids: [`it's`] },
  });
  expect(command).toContain('"Authorization: Bearer $EVERGRANT_API_KEY"');
  expect(wordsOf(command)).toEqual([
    'curl',
    '-sS',
    '-X',
    'POST',
    '-H',
    'Authorization: Bearer the-key',
    '-H',
    'Content-Type: application/json',
    '-d',
    `{"account_ids":["it's"]}`,
    'http://127.0.0.1:3000/api/admin/accounts/release',
  ]);
});
