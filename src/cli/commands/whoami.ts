/** `evergrant whoami`: prints which address and key the commands use, and whether the server accepts the key. */
import { createApiClient } from '../api-client';
import type { Command } from '../command';
import { readCredentials } from '../credentials';
import { CommandFailed } from '../errors';
import { keyName, loadSettings } from '../settings';

export const whoami: Command = {
  words: ['whoami'],
  summary: 'Show which address and key the commands use, and where they come from',
  more: 'A key is shown as its id, or as a fingerprint.\nExit code 1: the server does not accept the key, or is unreachable.',
  async runLocally({ out }) {
    const settings = loadSettings(process.env, readCredentials);
    const isDefault = settings.urlSource === 'EVERGRANT_URL' && !process.env['EVERGRANT_URL'];
    const problem = await problemOf(() =>
      createApiClient(settings).ask(({ admin }) => admin.status.$get()),
    );
    const found = {
      url: settings.url.href,
      url_from: isDefault ? 'default' : settings.urlSource,
      key: keyName(settings.apiKey),
      key_from: settings.keySource,
      accepted: problem === null,
      problem,
    };
    out.one(found, [
      ['url', found.url],
      ['url from', found.url_from],
      ['key', found.key],
      ['key from', found.key_from],
      ['accepted', found.accepted ? 'yes' : 'no'],
      ['problem', problem],
    ]);
    return found.accepted ? 0 : 1;
  },
};

/** A missing scope is no problem: the server knows the key. */
async function problemOf(request: () => Promise<unknown>): Promise<string | null> {
  try {
    await request();
    return null;
  } catch (error) {
    if (!(error instanceof CommandFailed)) throw error;
    return error.code === 'forbidden' ? null : error.message;
  }
}
