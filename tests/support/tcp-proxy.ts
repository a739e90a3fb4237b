/**
 * A TCP proxy on loopback that injects network faults between Evergrant and MongoDB, Temporal or a provider. It
 * connects to a port or, for an embedded MongoDB, to a Unix domain socket.
 */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/** The fault injected into the server's bytes; the client's bytes pass unchanged. */
export type Trouble =
  | { kind: 'none' }
  /** Stops forwarding after this many bytes, with the connection left open. */
  | { kind: 'stall'; afterBytes: number }
  /** Forwards one byte at a time. */
  | { kind: 'trickle'; everyMs: number }
  /** Delays each chunk. */
  | { kind: 'delay'; ms: number }
  /** Resets the connection after this many bytes. */
  | { kind: 'reset'; afterBytes: number }
  /** Closes the server's half of the connection after this many bytes. */
  | { kind: 'half_close'; afterBytes: number };

export interface TcpProxy {
  /** Returns the URL through the proxy, which then connects to that server. */
  through(url: string): string;
  /** Applies to new connections. */
  trouble(trouble: Trouble): void;
  /** Resets all connections and refuses new ones, until `restore`. */
  drop(): void;
  restore(): void;
  stop(): Promise<void>;
}

export async function startTcpProxy(): Promise<TcpProxy> {
  let server: { host: string; port: number } | { path: string } | undefined;
  const clients = new Set<Socket>();
  let trouble: Trouble = { kind: 'none' };
  let dropped = false;

  const listener = createServer({ allowHalfOpen: true }, (client) => {
    if (dropped || server === undefined) {
      client.resetAndDestroy();
      return;
    }
    const upstream = connect({ ...server, allowHalfOpen: true });
    clients.add(client);
    client.on('close', () => clients.delete(client));
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      one.on('error', () => other.destroy());
      one.on('close', () => other.destroy());
    }
    client.pipe(upstream);
    void giveBack(upstream, client, trouble).catch(() => client.destroy());
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const { port } = listener.address() as AddressInfo;

  function drop(): void {
    dropped = true;
    for (const client of clients) client.resetAndDestroy();
  }
  return {
    through(url) {
      const by = new URL(url);
      const host = decodeURIComponent(by.hostname);
      server = host.startsWith('/') ? { path: host } : { host, port: Number(by.port) };
      by.hostname = '127.0.0.1';
      by.port = String(port);
      return by.href;
    },
    trouble(next) {
      trouble = next;
    },
    drop,
    restore() {
      dropped = false;
    },
    async stop() {
      const closed = once(listener, 'close');
      listener.close();
      drop();
      await closed;
    },
  };
}

async function giveBack(from: Socket, to: Socket, trouble: Trouble): Promise<void> {
  let passed = 0;
  for await (const chunk of from as AsyncIterable<Buffer>) {
    if (trouble.kind === 'delay') await delay(trouble.ms);
    if (trouble.kind === 'trickle') {
      for (const byte of chunk) {
        if (to.destroyed) return;
        to.write(Buffer.of(byte));
        await delay(trouble.everyMs);
      }
      continue;
    }
    const left = 'afterBytes' in trouble ? trouble.afterBytes - passed : chunk.length;
    if (left > 0) to.write(chunk.subarray(0, left));
    passed += chunk.length;
    if (left > chunk.length || !('afterBytes' in trouble)) continue;
    if (trouble.kind === 'half_close') to.end();
    // Flush written bytes before the reset.
    if (trouble.kind === 'reset') to.write('', () => setImmediate(() => to.resetAndDestroy()));
  }
  if (trouble.kind !== 'stall') to.end();
}
