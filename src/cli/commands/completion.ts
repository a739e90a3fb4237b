/** `evergrant completion`: prints a script with which a shell completes commands, options and their values. */
import type { Command } from '../command';
import { completionScript, SHELLS, type Shell } from '../completion';
import { UsageError } from '../errors';

export const completion: Command = {
  words: ['completion'],
  positionals: [SHELLS.join('|')],
  summary: 'Print a completion script for a shell',
  more: [
    'The script contains all commands and options, so completing starts no process and needs no key.',
    '',
    'bash: add to ~/.bashrc:   source <(evergrant completion bash)',
    'zsh:  add to ~/.zshrc:    source <(evergrant completion zsh)     (after compinit)',
    'fish: run once:           evergrant completion fish > ~/.config/fish/completions/evergrant.fish',
  ].join('\n'),
  async runLocally({ out, commands, positionals: [shell = ''] }) {
    if (!isShell(shell))
      throw new UsageError(`the shell must be ${SHELLS.join(', ')}, not "${shell}"`);
    out.line(completionScript(shell, commands));
    return 0;
  },
};

function isShell(text: string): text is Shell {
  return SHELLS.some((shell) => shell === text);
}
