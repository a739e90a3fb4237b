/** Closes an HTTP server: requests in flight are answered, and idle connections are closed at once. */
import type { Server } from 'node:http';
import type { Socket } from 'node:net';

/** Requests in flight longer than this, in ms, are cut off when the server is closed. */
export const CLOSE_MAX_MS = 15_000;

export interface ClosableServer {
  requestsInFlight(): number;
  close(): Promise<void>;
}

/**
 * Follows the connections of a server. Node's `closeIdleConnections` does not close connections that have not sent a
 * request yet, which browsers open in advance, or connections whose request ends after the call.
 */
export function closable(server: Server): ClosableServer {
  const inFlight = new Map<Socket, number>();
  let closing = false;
  const endIfIdle = (socket: Socket) => {
    if (closing && inFlight.get(socket) === 0) socket.destroySoon();
  };
  server.on('connection', (socket: Socket) => {
    inFlight.set(socket, 0);
    socket.once('close', () => inFlight.delete(socket));
    endIfIdle(socket);
  });
  server.prependListener('request', ({ socket }, response) => {
    inFlight.set(socket, (inFlight.get(socket) ?? 0) + 1);
    response.once('close', () => {
      if (!inFlight.has(socket)) return;
      inFlight.set(socket, (inFlight.get(socket) ?? 1) - 1);
      endIfIdle(socket);
    });
  });
  return {
    requestsInFlight: () => [...inFlight.values()].reduce((sum, requests) => sum + requests, 0),
    close: () =>
      new Promise((resolve) => {
        closing = true;
        const force = setTimeout(() => server.closeAllConnections(), CLOSE_MAX_MS);
        server.close(() => {
          clearTimeout(force);
          resolve();
        });
        for (const socket of inFlight.keys()) endIfIdle(socket);
      }),
  };
}
