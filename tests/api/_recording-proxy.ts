/** Stands in front of a server and keeps every byte that a client sends to it. */
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

export interface RecordingProxy {
  /** The target's URL, by way of the proxy. */
  url: string;
  /** What was sent, as it was on the wire, connection by connection. */
  sent(): Buffer[];
  /** Cuts all connections and takes no new ones: the target is away. */
  stop(): Promise<void>;
}

export async function startRecordingProxy(target: string): Promise<RecordingProxy> {
  const { hostname, port, pathname } = new URL(target);
  const sockets = new Set<Socket>();
  const connections: Buffer[][] = [];
  const server = createServer((client) => {
    const upstream = connect(Number(port), hostname);
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      // A cut connection is what some tests are about.
      socket.on('error', () => undefined);
      socket.on('close', () => {
        sockets.delete(socket);
        client.destroy();
        upstream.destroy();
      });
    }
    const chunks: Buffer[] = [];
    connections.push(chunks);
    client.on('data', (chunk) => chunks.push(chunk));
    client.pipe(upstream).pipe(client);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('not listening on a port');
  return {
    url: `http://127.0.0.1:${address.port}${pathname}`,
    sent: () =>
      connections.map((chunks) => Buffer.concat(chunks)).filter(({ length }) => length > 0),
    async stop() {
      if (!server.listening) return;
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
