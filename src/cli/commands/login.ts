/** `evergrant login`: checks the address and the key against the server, and stores them in a file of mode 0600. */
import { createApiClient } from '../api-client';
import type { Command } from '../command';
import { readCredentials, storeCredentials } from '../credentials';
import { CommandFailed, UsageError } from '../errors';
import { askHidden, askText, readLine } from '../prompt';
import { apiUrl, DEFAULT_URL, keyName, type Settings } from '../settings';

export const login: Command = {
  words: ['login'],
  summary: 'Check the address and the key of the API, and store them for later commands',
  options: {
    url: { type: 'string', value: 'url', help: `URL of the API (default: ${DEFAULT_URL})` },
    'key-stdin': { type: 'boolean', help: 'read the key from standard input instead of asking' },
  },
  more: [
    'No option takes the key, because every process of the machine can read arguments (ps), and the shell stores them in',
    'its history. The file is $XDG_CONFIG_HOME/evergrant/credentials.json, or ~/.config/evergrant/credentials.json. Only',
    'your user can read it. EVERGRANT_URL and EVERGRANT_API_KEY take precedence over it.',
    '',
    'Example:',
    '  evergrant login --url https://evergrant.example.com --key-stdin < key.txt',
  ].join('\n'),
  async runLocally({ out, options }) {
    const isAsking = !options.isSet('key-stdin');
    if (isAsking && !process.stdin.isTTY)
      throw new UsageError(
        'cannot ask for the key, because standard input is not a terminal. Use --key-stdin.',
      );
    const suggested = suggestedUrl();
    const given =
      options.text('url') ??
      (isAsking ? await askText(`URL of the API [${suggested}]: `) : suggested);
    const url = apiUrl(
      given || suggested,
      options.text('url') === undefined ? 'The address' : '--url',
    );
    const apiKey = (isAsking ? await askHidden('API key (hidden): ') : await readLine()).trim();
    if (apiKey === '') throw new UsageError('no key: the input is empty');
    // A header cannot contain other characters, and the error of fetch would quote them.
    if (!/^[\x21-\x7e]+$/.test(apiKey))
      throw new UsageError('the input must be one API key or JWT');
    await check({ url, apiKey, urlSource: 'the address' });
    const path = storeCredentials(process.env, { url: url.href, apiKey });
    if (url.protocol === 'http:' && !/^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(url.hostname))
      out.remark(
        'Warning: the key is sent without encryption, because the address begins with http:.',
      );
    const key = keyName(apiKey);
    out.done(
      { url: url.href, key, file: path },
      `Stored the key ${key} for ${url.href} in ${path}.`,
    );
    if (process.env['EVERGRANT_URL'] || process.env['EVERGRANT_API_KEY'])
      out.remark('EVERGRANT_URL or EVERGRANT_API_KEY is set, and takes precedence over the file.');
    return 0;
  },
};

/** @throws {CommandFailed} if the server is unreachable or does not know the key */
async function check(settings: Settings): Promise<void> {
  try {
    await createApiClient(settings).ask(({ admin }) => admin.status.$get());
  } catch (error) {
    // The server knows the key, but its scopes do not include this request.
    if (error instanceof CommandFailed && error.code === 'forbidden') return;
    if (error instanceof CommandFailed && error.code === 'unauthenticated')
      throw new CommandFailed(`${settings.url.href} does not accept the key. Nothing was stored.`);
    throw error;
  }
}

/** The address of the former login, if its file is usable. */
function suggestedUrl(): string {
  const set = process.env['EVERGRANT_URL'];
  if (set) return set;
  try {
    return readCredentials(process.env)?.url ?? DEFAULT_URL;
  } catch {
    // This login replaces the file.
    return DEFAULT_URL;
  }
}
