/** A TCP proxy on loopback that makes the network bad: between Evergrant and MongoDB, Temporal or a provider. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/** What happens to the bytes that come back from the server; those of the client pass. */
export type Trouble =
  | { kind: 'none' }
  /** Nothing comes back after so many bytes, and the connection stays open. */
  | { kind: 'stall'; afterBytes: number }
  /** One byte at a time. */
  | { kind: 'trickle'; everyMs: number }
  /** Each chunk comes late. */
  | { kind: 'delay'; ms: number }
  /** The connection is reset after so many bytes. */
  | { kind: 'reset'; afterBytes: number }
  /** The server's half is closed after so many bytes, in order. */
  | { kind: 'half_close'; afterBytes: number };

export interface TcpProxy {
  /** The same URL by way of the proxy, which from then on leads to that server. */
  through(url: string): string;
  /** For connections that are made from now on. */
  trouble(trouble: Trouble): void;
  /** Resets every connection and takes no new one, until `restore`. */
  drop(): void;
  restore(): void;
  stop(): Promise<void>;
}

export async function startTcpProxy(): Promise<TcpProxy> {
  let server: { host: string; port: number } | undefined;
  const sockets = new Set<Socket>();
  let trouble: Trouble = { kind: 'none' };
  let dropped = false;

  const listener = createServer({ allowHalfOpen: true }, (client) => {
    if (dropped || server === undefined) {
      client.resetAndDestroy();
      return;
    }
    const upstream = connect({ ...server, allowHalfOpen: true });
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(one);
      one.on('error', () => other.destroy());
      one.on('close', () => {
        sockets.delete(one);
        other.destroy();
      });
    }
    client.pipe(upstream);
    void giveBack(upstream, client, trouble).catch(() => client.destroy());
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const { port } = listener.address() as AddressInfo;

  function drop(): void {
    dropped = true;
    for (const socket of sockets) socket.resetAndDestroy();
  }
  return {
    through(url) {
      const by = new URL(url);
      server = { host: by.hostname, port: Number(by.port) };
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
    // What was written is to arrive before the reset does.
    if (trouble.kind === 'reset') to.write('', () => setImmediate(() => to.resetAndDestroy()));
  }
  if (trouble.kind !== 'stall') to.end();
}
