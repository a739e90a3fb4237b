/** Changes to a connection string (`MONGODB_URI`) that may name several servers, which `URL` cannot parse. */
import { ConnectionString } from 'mongodb-connection-string-url';

const DEFAULT_DATABASE = 'evergrant';

/** Names another database on the same servers. The credentials stay those of the URI's database, or of `admin`. */
export function withDatabase(uri: string, name: string): string {
  const changed = new ConnectionString(uri);
  if (changed.username !== '' && !changed.searchParams.has('authSource'))
    changed.searchParams.set('authSource', namedDatabase(changed) ?? 'admin');
  changed.pathname = `/${encodeURIComponent(name)}`;
  return changed.href;
}

/** The database that Evergrant uses with this URI. */
export function databaseOf(uri: string): string {
  return namedDatabase(new ConnectionString(uri)) ?? DEFAULT_DATABASE;
}

function namedDatabase({ pathname }: ConnectionString): string | null {
  return decodeURIComponent(pathname.slice(1)) || null;
}
