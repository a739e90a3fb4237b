/** Generates the help from the commands. */
import type { Command } from './command';

export function generalHelp(commands: readonly Command[]): string {
  const usages = commands.map(usage);
  const longest = Math.max(...usages.map((text) => text.length));
  return [
    'Usage: evergrant <command> [options]',
    '',
    ...commands.map(({ summary }, at) => `  ${(usages[at] ?? '').padEnd(longest)}  ${summary}`),
    '',
    'Every command takes --json (the answers of the API as they are) and --help.',
    'EVERGRANT_URL      where the API is; http://127.0.0.1:3000 if not set',
    'EVERGRANT_API_KEY  a key; "read" is enough to look, "admin" is needed to change,',
    '                   "operator" to change schedules, encryption and sweeps: they serve all organisations',
    'Exit codes: 0 done, 1 failed, 2 wrong usage',
  ].join('\n');
}

export function commandHelp(command: Command): string {
  const options = Object.entries(command.options ?? {}).map(([name, { short, value, help }]) => {
    const flag = `${short === undefined ? '' : `-${short}, `}--${name}`;
    return [value === undefined ? flag : `${flag} <${value}>`, help] as const;
  });
  const all = [...options, ['--json', 'print the answers of the API as they are'] as const];
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

function usage({ words, places = [], rest }: Command): string {
  const following = rest === undefined ? [] : [`[<${rest}>…]`];
  return [...words, ...(places.length > 0 ? [placesText(places)] : []), ...following].join(' ');
}

export function placesText(places: readonly string[]): string {
  return places.map((name) => `<${name}>`).join(' ');
}
