/**
 * Answers requests that Node refuses before the application sees them (headers too large, too slow, not HTTP) in the
 * API's error shape, because Node would send a status without a body.
 */
import { randomUUID } from 'node:crypto';
import { type Server, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { ServiceError } from '../domain/service-error';
import { STATUS } from '../http/errors';

/** How long, in ms, a refused client may read its answer before the connection is closed. */
const CLOSED_AFTER_MS = 1_000;

/** @param headers sent with each answer */
export function answerMalformedRequests(
  server: Server,
  headers: Readonly<Record<string, string>>,
): void {
  const answers = new WeakMap<Duplex, ServerResponse>();
  server.on('request', ({ socket }, answer) => answers.set(socket, answer));
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    // The request was refused already, and the rest of it is dropped.
    if (socket.writableEnded) return;
    const answer = answers.get(socket);
    const isAnswering = answer?.headersSent === true && !answer.writableFinished;
    if (error.code === 'ECONNRESET' || !socket.writable || isAnswering) {
      socket.destroy();
      return;
    }
    socket.end(refusal(refusalOf(error.code), headers));
    // Destroying the socket at once, with unread bytes, would make the client lose the answer.
    setTimeout(() => socket.destroy(), CLOSED_AFTER_MS).unref();
  });
}

function refusalOf(nodeCode = ''): ServiceError {
  switch (nodeCode) {
    case 'HPE_HEADER_OVERFLOW':
      return new ServiceError(
        'headers_too_large',
        'The URL and the headers are larger than 16 kB together. Send fewer or shorter headers.',
      );
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return new ServiceError(
        'payload_too_large',
        'The chunk extensions of the body are too large. Send the body without them.',
      );
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new ServiceError(
        'request_timeout',
        'The request did not arrive in time. Send it again on a new connection.',
      );
    default:
      return new ServiceError('invalid_request', 'The request is not valid HTTP.');
  }
}

function refusal(
  { code, message }: ServiceError,
  headers: Readonly<Record<string, string>>,
): string {
  const requestId = randomUUID();
  const body = JSON.stringify({ error: { code, message, request_id: requestId } });
  const all = {
    ...headers,
    'content-type': 'application/json',
    'content-length': String(Buffer.byteLength(body)),
    'x-request-id': requestId,
    connection: 'close',
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${STATUS[code]} ${STATUS_CODES[STATUS[code]] ?? ''}\r\n${lines.join('')}\r\n${body}`;
}
