/** Ports on loopback. The usual port is preferred, so that bookmarks and other tools keep working. */
import { createServer } from 'node:net';
import getPort from 'get-port';
import type { Log } from './engine';

/** The only address that embedded servers listen on. */
export const LOOPBACK = '127.0.0.1';

/** Returns the usual port, or a free port, which it logs. With `usual` 0, returns any free port. */
export async function usualOrFreePort(what: string, usual: number, log: Log): Promise<number> {
  if (usual !== 0 && (await isFree(usual))) return usual;
  // get-port also prevents two callers in this process from receiving the same port.
  const port = await getPort({ host: LOOPBACK });
  if (usual !== 0) log(`${what}: port ${usual} is in use, using ${port}`);
  return port;
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, LOOPBACK, () => server.close(() => resolve(true)));
  });
}
