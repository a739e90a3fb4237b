/** Generates completion scripts from the commands. A script contains all words, so completing starts no process. */
import type { Command, Option } from './command';
import { GROUPS } from './command-groups';
import { COMMON_OPTIONS } from './program';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

interface Word {
  word: string;
  help: string;
}

/** The words that may follow a place, such as `accounts list`. */
interface Place {
  /** The words up to the place, with a space before each. */
  path: string;
  next: Word[];
  options: [string, Option][];
  takesFiles: boolean;
}

export function completionScript(shell: Shell, commands: readonly Command[]): string {
  const places = placesOf(commands);
  switch (shell) {
    case 'bash':
      return bashScript(places);
    case 'zsh':
      return zshScript(places);
    case 'fish':
      return fishScript(places);
  }
}

function placesOf(commands: readonly Command[]): Place[] {
  const places = new Map<string, Place>();
  const placeOf = (path: string): Place => {
    const place = places.get(path) ?? { path, next: [], options: [], takesFiles: false };
    places.set(path, place);
    return place;
  };
  for (const { words, summary, options, positionals = [], takesFiles = false } of commands) {
    let path = '';
    for (const [at, word] of words.entries()) {
      const { next } = placeOf(path);
      const help = at === words.length - 1 ? summary : (GROUPS[word] ?? '');
      if (!next.some((one) => one.word === word)) next.push({ word, help });
      path += ` ${word}`;
    }
    const place = placeOf(path);
    place.options = Object.entries({ ...options, ...COMMON_OPTIONS });
    place.takesFiles = takesFiles;
    // An argument such as `bash|zsh|fish` names its values; `file|-` is one of files.
    if (!takesFiles)
      for (const word of positionals
        .filter((name) => name.includes('|'))
        .join('|')
        .split('|'))
        if (word !== '') place.next.push({ word, help: '' });
  }
  return [...places.values()];
}

function flags([name, { short }]: [string, Option]): string[] {
  return short === undefined ? [`--${name}`] : [`-${short}`, `--${name}`];
}

/** Quotes a text for bash and zsh. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** A word and its help, as `_describe` of zsh reads them. */
function described({ word, help }: Word): string {
  return quoted(`${word.replaceAll(':', '\\:')}:${help}`);
}

const isWithValue = ([, { type }]: [string, Option]) => type === 'string';

function bashScript(places: readonly Place[]): string {
  const paths = places.filter(({ path }) => path !== '').map(({ path }) => quoted(path));
  const values = places.flatMap(({ path, options }) =>
    options.filter(isWithValue).map((option) => {
      const pattern = flags(option)
        .map((flag) => quoted(`${path} ${flag}`))
        .join('|');
      const [, { choices, takesFile }] = option;
      const words =
        takesFile === true ? 'compgen -f' : `compgen -W ${quoted((choices ?? []).join(' '))}`;
      return `    ${pattern}) COMPREPLY=($(${words} -- "$current")); return ;;`;
    }),
  );
  const words = places.map(({ path, next, options, takesFiles }) => {
    const all = [...next.map(({ word }) => word), ...options.flatMap(flags), '--help'];
    const files = takesFiles ? ' COMPREPLY+=($(compgen -f -- "$current"));' : '';
    return `    ${quoted(path)}) COMPREPLY=($(compgen -W ${quoted(all.join(' '))} -- "$current"));${files} ;;`;
  });
  return [
    '# Completion of evergrant for bash. Load it with: source <(evergrant completion bash)',
    '_evergrant() {',
    '  local current="${COMP_WORDS[COMP_CWORD]}" previous="${COMP_WORDS[COMP_CWORD-1]}" place="" index',
    '  COMPREPLY=()',
    '  for ((index = 1; index < COMP_CWORD; index++)); do',
    '    case "$place ${COMP_WORDS[index]}" in',
    `      ${paths.join('|')}) place="$place \${COMP_WORDS[index]}" ;;`,
    '    esac',
    '  done',
    '  case "$place $previous" in',
    ...values,
    '  esac',
    '  case "$place" in',
    ...words,
    '  esac',
    '}',
    'complete -F _evergrant evergrant',
  ].join('\n');
}

function zshScript(places: readonly Place[]): string {
  const paths = places.filter(({ path }) => path !== '').map(({ path }) => quoted(path));
  const values = places.flatMap(({ path, options }) =>
    options.filter(isWithValue).map((option) => {
      const pattern = flags(option)
        .map((flag) => quoted(`${path} ${flag}`))
        .join('|');
      const [, { choices = [], takesFile }] = option;
      const words = takesFile === true ? '_files' : `compadd -- ${choices.map(quoted).join(' ')}`;
      return `    ${pattern}) ${choices.length === 0 && takesFile !== true ? '' : `${words}; `}return ;;`;
    }),
  );
  const words = places.map(({ path, next, options, takesFiles }) => {
    const all = [
      ...next,
      ...options.flatMap((option) => flags(option).map((word) => ({ word, help: option[1].help }))),
      { word: '--help', help: 'show the help' },
    ];
    return `    ${quoted(path)}) found=(${all.map(described).join(' ')})${takesFiles ? '; _files' : ''} ;;`;
  });
  return [
    '#compdef evergrant',
    '# Completion of evergrant for zsh. Load it with: source <(evergrant completion zsh)',
    '_evergrant() {',
    '  local place="" index',
    '  local -a found',
    '  for ((index = 2; index < CURRENT; index++)); do',
    '    case "$place ${words[index]}" in',
    `      ${paths.join('|')}) place="$place \${words[index]}" ;;`,
    '    esac',
    '  done',
    '  case "$place ${words[CURRENT-1]}" in',
    ...values,
    '  esac',
    '  case "$place" in',
    ...words,
    '  esac',
    "  _describe 'evergrant' found",
    '}',
    'if [[ "${funcstack[1]}" == _evergrant ]]; then _evergrant "$@"; else compdef _evergrant evergrant; fi',
  ].join('\n');
}

function fishScript(places: readonly Place[]): string {
  const paths = places.filter(({ path }) => path !== '').map(({ path }) => fishQuoted(path));
  const lines = places.flatMap(({ path, next, options, takesFiles }) => {
    const at = `complete -c evergrant -n ${fishQuoted(`__evergrant_at ${fishQuoted(path)}`)}`;
    return [
      ...(takesFiles ? [`${at} -F`] : []),
      ...next.map(({ word, help }) => `${at} -a ${fishQuoted(word)} -d ${fishQuoted(help)}`),
      ...options.map(([name, { type, short, choices, takesFile, help }]) =>
        [
          at,
          `-l ${name}`,
          ...(short === undefined ? [] : [`-s ${short}`]),
          ...(type === 'boolean' ? [] : [takesFile === true ? '-r -F' : '-x']),
          ...(choices === undefined ? [] : [`-a ${fishQuoted(choices.join(' '))}`]),
          `-d ${fishQuoted(help)}`,
        ].join(' '),
      ),
    ];
  });
  return [
    '# Completion of evergrant for fish. Write it to ~/.config/fish/completions/evergrant.fish',
    'function __evergrant_at',
    '    set -l place ""',
    '    for word in (commandline -opc)[2..]',
    `        if contains -- "$place $word" ${paths.join(' ')}`,
    '            set place "$place $word"',
    '        end',
    '    end',
    '    test "$place" = "$argv[1]"',
    'end',
    'complete -c evergrant -f',
    ...lines,
  ].join('\n');
}

/** Inside single quotes, fish escapes only the backslash and the quote. */
function fishQuoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
