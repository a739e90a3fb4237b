/** Commands for a POSIX shell that repeat what a page shows. The shell reads the API key from its environment. */

/** The variable with the API key, as the command line reads it. */
const KEY = '$EVERGRANT_API_KEY';
/** Words that no shell changes, so that they need no quotes. `~`, `=` at the start and globs are not among them. */
const PLAIN = /^[\w@%+:,./-][\w@%+:,./=-]*$/;

/** One word for the shell, whatever characters it has. Within single quotes, a shell interprets nothing. */
export function shellWord(text: string): string {
  return PLAIN.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

export interface ApiRequest {
  /** Default: `GET`. */
  method?: string;
  path: string;
  body?: unknown;
}

/** The `curl` command of a request. */
export function curlCommand(origin: string, { method = 'GET', path, body }: ApiRequest): string {
  return [
    'curl -sS',
    ...(method === 'GET' ? [] : [`-X ${method}`]),
    `-H "Authorization: Bearer ${KEY}"`,
    ...(body === undefined
      ? []
      : [`-H 'Content-Type: application/json' -d ${shellWord(JSON.stringify(body))}`]),
    // `curl` expands brackets and braces of an address.
    ...(/[[\]{}]/.test(path) ? ['-g'] : []),
    shellWord(`${origin}${path}`),
  ].join(' ');
}

/** The command of the command line, for the service at `origin`. */
export function cliCommand(origin: string, words: readonly string[]): string {
  return [`EVERGRANT_URL=${shellWord(origin)}`, 'evergrant', ...words.map(shellWord)].join(' ');
}

/** An option with a value. With `=`, a value that begins with a dash is not read as an option. */
export function cliOption(name: string, value: string): string {
  return `--${name}=${value}`;
}
