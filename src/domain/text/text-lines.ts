/** Splits a byte stream into lines as it arrives. Holds one line in memory, up to a limit. */

export interface ByteLine {
  /** Starts at 1. */
  line: number;
  /** The line without its `\n`. `null`: the line exceeds the limit. */
  bytes: Buffer | null;
}

const LINE_FEED = 0x0a;

/**
 * Splits at `\n` only, because a JSON string may contain Unicode's other line separators. Returns bytes, so that the
 * caller can detect a line that is not UTF-8.
 */
export async function* byteLines(
  bytes: AsyncIterable<Uint8Array>,
  bytesMax: number,
): AsyncGenerator<ByteLine> {
  let line = 1;
  let held: Buffer[] = [];
  let length = 0;
  const hold = (part: Buffer) => {
    length += part.length;
    if (length > bytesMax) held = [];
    else if (part.length > 0) held.push(part);
  };
  const take = (): ByteLine => {
    const taken = { line, bytes: length > bytesMax ? null : Buffer.concat(held) };
    line += 1;
    held = [];
    length = 0;
    return taken;
  };
  for await (const chunk of bytes) {
    const buffer = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    let from = 0;
    for (let at = buffer.indexOf(LINE_FEED); at !== -1; at = buffer.indexOf(LINE_FEED, from)) {
      hold(buffer.subarray(from, at));
      yield take();
      from = at + 1;
    }
    hold(buffer.subarray(from));
  }
  if (length > 0) yield take();
}
