/** Generates the help texts from the commands. */
import type { Command } from './command';

export function generalHelp(commands: readonly Command[]): string {
  const usages = commands.map(usage);
  const longest = Math.max(...usages.map((text) => text.length));
  return [
    'Usage: evergrant <command> [options]',
    '',
    ...commands.map(({ summary }, at) => `  ${(usages[at] ?? '').padEnd(longest)}  ${summary}`),
    '',
    'Every command accepts --json (print the response of the API as JSON) and --help.',
    '',
    'Environment variables:',
    '  EVERGRANT_URL      URL of the API (default: http://127.0.0.1:3000)',
    '  EVERGRANT_API_KEY  API key. The scope "read" shows accounts, "admin" changes them, and "operator" manages',
    '                     what all organisations share: schedules, sweeps and encryption keys.',
    '',
    'Exit codes: 0 success, 1 failure, 2 wrong usage',
  ].join('\n');
}

export function commandHelp(command: Command): string {
  const options = Object.entries(command.options ?? {}).map(([name, { short, value, help }]) => {
    const flag = `${short === undefined ? '' : `-${short}, `}--${name}`;
    return [value === undefined ? flag : `${flag} <${value}>`, help] as const;
  });
  const all = [...options, ['--json', 'print the response of the API as JSON'] as const];
  const longest = Math.max(...all.map(([flag]) => flag.length));
  return [
    `Usage: evergrant ${usage(command)} [options]`,
    '',
    `${command.summary}.`,
    '',
    ...all.map(([flag, help]) => `  ${flag.padEnd(longest)}  ${help}`),
    ...(command.more === undefined ? [] : ['', command.more]),
  ].join('\n');
}

function usage({ words, positionals = [], rest }: Command): string {
  const following = rest === undefined ? [] : [`[<${rest}>…]`];
  return [
    ...words,
    ...(positionals.length > 0 ? [positionalsText(positionals)] : []),
    ...following,
  ].join(' ');
}

export function positionalsText(positionals: readonly string[]): string {
  return positionals.map((name) => `<${name}>`).join(' ');
}
