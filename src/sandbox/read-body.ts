/** Reads the body of a request, up to a limit. */
import type { IncomingMessage } from 'node:http';

const MAX_BODY_BYTES = 64 * 1024;

/** @returns `undefined` if the client disconnected before the end */
export async function readBody(
  request: IncomingMessage,
): Promise<{ text: string; isTooLong: boolean } | undefined> {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      length += chunk.length;
      if (length <= MAX_BODY_BYTES) chunks.push(chunk);
    }
  } catch {
    return undefined;
  }
  return { text: Buffer.concat(chunks).toString('utf8'), isTooLong: length > MAX_BODY_BYTES };
}
