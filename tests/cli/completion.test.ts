/** The completion scripts, run by the shells that the machine has. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { COMMANDS } from '../../src/cli/commands';
import { completionScript, SHELLS, type Shell } from '../../src/cli/completion';

const folder = mkdtempSync(join(tmpdir(), 'evergrant-completion-'));
const files = new Map(
  SHELLS.map((shell) => {
    const file = join(folder, `evergrant.${shell}`);
    writeFileSync(file, `${completionScript(shell, COMMANDS)}\n`);
    return [shell, file];
  }),
);
writeFileSync(join(folder, 'accounts.csv'), '');
const has = (shell: Shell) => spawnSync(shell, ['-c', 'exit 0']).status === 0;
const describeIn = (shell: Shell) => (has(shell) ? describe : describe.skip);

/** The words that bash offers for the last of the given words. */
function inBash(...words: string[]): string[] {
  const script = `source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _evergrant; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const file = files.get('bash') ?? '';
  return execFileSync('bash', ['-uc', script, 'bash', file, 'evergrant', ...words], {
    cwd: folder,
    encoding: 'utf8',
  })
    .trim()
    .split('\n');
}

describe('bash', () => {
  it.each([
    ['the first word', ['acc'], ['accounts']],
    ['a command of a group', ['accounts', 'dis'], ['disable', 'disconnect']],
    ['an option', ['accounts', 'list', '--sta'], ['--status']],
    ['a value', ['accounts', 'list', '--status', 'exp'], ['expiring_soon', 'expired']],
    ['a format', ['logs', '-o', 'js'], ['json', 'jsonl']],
    ['a shell', ['completion', 'z'], ['zsh']],
    ['a file of an import', ['import', 'acc'], ['accounts.csv']],
    ['a file of an option', ['accounts', 'add', '--token-file', 'acc'], ['accounts.csv']],
    ['no words after an option with any value', ['accounts', 'list', '--limit', ''], ['']],
    ['a command after options', ['schedules', 'pa'], ['pause']],
  ])('completes %s', (_what, words, expected) => {
    expect(inBash(...words)).toEqual(expected);
  });

  it('offers every command', () => {
    const unknown = COMMANDS.filter(({ words }) => !inBash(...words).includes(words.at(-1) ?? ''));
    expect(unknown.map(({ words }) => words.join(' '))).toEqual([]);
  });
});

describeIn('zsh')('zsh', () => {
  it('accepts the script', () => {
    const ran = spawnSync('zsh', ['-n', files.get('zsh') ?? ''], { encoding: 'utf8' });
    expect(ran).toMatchObject({ status: 0, stderr: '' });
  });
});

describeIn('fish')('fish', () => {
  it('completes commands, options and values', () => {
    const inFish = (line: string) =>
      execFileSync('fish', ['-c', `source ${files.get('fish')}; complete -C '${line}'`], {
        encoding: 'utf8',
      });
    expect(inFish('evergrant accounts dis')).toMatch(/^disable\t/m);
    expect(inFish('evergrant accounts list --sta')).toMatch(/^--status\t/m);
    expect(inFish('evergrant accounts list --status exp')).toMatch(/^expired\b/m);
  });
});
