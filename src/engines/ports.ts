// Ports on loopback: the usual one if it is free, so that bookmarks and other tools keep working.
import { createServer } from 'node:net';
import getPort from 'get-port';
import type { Say } from './engine';

/** The only address engines listen on. */
export const LOOPBACK = '127.0.0.1';

/** The usual port, or a free one, which is then said. `usual` 0 means any free port. */
export async function usualOrFreePort(what: string, usual: number, say: Say): Promise<number> {
  if (usual !== 0 && (await isFree(usual))) return usual;
  // get-port also keeps two callers of this process from getting the same one.
  const port = await getPort({ host: LOOPBACK });
  if (usual !== 0) say(`${what}: port ${usual} is taken, using ${port}`);
  return port;
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, LOOPBACK, () => server.close(() => resolve(true)));
  });
}
