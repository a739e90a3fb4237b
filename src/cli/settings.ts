/** Reads and checks the CLI's settings: the URL of the API and the key, or the address of MongoDB. */
import { createHash } from 'node:crypto';
import type { Credentials } from './credentials';
import { UsageError } from './errors';

export interface Settings {
  url: URL;
  apiKey: string;
  /** Where the URL comes from, for messages. */
  urlSource?: string;
  keySource?: string;
}

export const DEFAULT_URL = 'http://127.0.0.1:3000';

/**
 * The environment takes precedence over the stored credentials. A stored key is sent only to the address for which it
 * was stored.
 * @throws {UsageError} naming the variable to set
 */
export function loadSettings(
  environment: NodeJS.ProcessEnv,
  readStored: (environment: NodeJS.ProcessEnv) => Credentials | null,
): Required<Settings> {
  // An empty variable counts as unset, as everywhere in Evergrant.
  const givenUrl = environment['EVERGRANT_URL'] || undefined;
  const givenKey = environment['EVERGRANT_API_KEY']?.trim();
  if (givenKey) {
    return {
      url: apiUrl(givenUrl ?? DEFAULT_URL, 'EVERGRANT_URL'),
      urlSource: 'EVERGRANT_URL',
      apiKey: givenKey,
      keySource: 'EVERGRANT_API_KEY',
    };
  }
  const named = givenUrl === undefined ? null : apiUrl(givenUrl, 'EVERGRANT_URL');
  const stored = readStored(environment);
  if (stored === null) {
    throw new UsageError(
      'EVERGRANT_API_KEY is not set, and no key is stored. Run "evergrant login", or set the variable to the key in the banner of the first start, to the ADMIN_API_KEY of the server, or to a key that an admin created with "evergrant keys create".',
    );
  }
  const url = apiUrl(stored.url, stored.path);
  if (named !== null && named.href !== url.href) {
    throw new UsageError(
      `EVERGRANT_API_KEY is not set, and the stored key belongs to ${url.href}, not to EVERGRANT_URL. Set EVERGRANT_API_KEY, or run "evergrant login --url ${named.href}".`,
    );
  }
  return { url, urlSource: stored.path, apiKey: stored.apiKey, keySource: stored.path };
}

/** @param source names the setting in the error. @throws {UsageError} if the text is not the URL of an API */
export function apiUrl(text: string, source: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new UsageError(
      `${source} is not a URL: "${text}". Set it to a URL such as ${DEFAULT_URL} or https://evergrant.example.com.`,
    );
  }
  return url;
}

/** Names a key without showing it: the id of an API key, or the fingerprint of any other key or JWT. */
export function keyName(apiKey: string): string {
  const [, id] = /^evg_([0-9a-f]{16})_/.exec(apiKey) ?? [];
  if (id !== undefined) return id;
  const fingerprint = createHash('sha256').update(apiKey).digest('hex').slice(0, 12);
  return `sha256:${fingerprint}`;
}

/** @throws {UsageError} naming the variable to set */
export function loadMongodbUri(environment: NodeJS.ProcessEnv = process.env): string {
  const uri = environment['MONGODB_URI'];
  if (!uri) {
    throw new UsageError(
      'MONGODB_URI is not set. This command works on MongoDB itself; set the address that the processes have. npm start takes care of an embedded MongoDB.',
    );
  }
  return uri;
}
