/** Reads and checks the CLI's environment: the URL of the API and the key, or the address of MongoDB. */
import { UsageError } from './errors';

export interface Settings {
  url: URL;
  apiKey: string;
}

const DEFAULT_URL = 'http://127.0.0.1:3000';

/** @throws {UsageError} naming the variable to set */
export function loadSettings(environment: NodeJS.ProcessEnv = process.env): Settings {
  // An empty variable counts as unset, as everywhere in Evergrant.
  const given = environment['EVERGRANT_URL'] || DEFAULT_URL;
  const url = URL.canParse(given) ? new URL(given) : null;
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new UsageError(
      `EVERGRANT_URL is not a URL: "${given}". Set it to a URL such as ${DEFAULT_URL} or https://evergrant.example.com.`,
    );
  }
  const apiKey = environment['EVERGRANT_API_KEY']?.trim();
  if (!apiKey) {
    throw new UsageError(
      'EVERGRANT_API_KEY is not set. Set it to the key in the banner of the first start, to the ADMIN_API_KEY of the server, or to a key that an admin created with "evergrant keys create".',
    );
  }
  return { url, apiKey };
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
