/** Inflates a response that the server compressed without being asked to. Keeps everything that can be inflated. */
import {
  brotliDecompressSync,
  constants,
  gunzipSync,
  inflateRawSync,
  inflateSync,
} from 'node:zlib';

type Inflate = (
  bytes: Buffer,
  options: { maxOutputLength: number; finishFlush?: number },
) => Buffer;

const INFLATES: Readonly<Record<string, Inflate>> = {
  gzip: gunzipSync,
  deflate: inflateSync,
  // Some servers send deflate without the zlib header.
  'raw deflate': inflateRawSync,
  br: brotliDecompressSync,
};

/** With this flush mode, a truncated stream yields its data instead of an error. */
const flushOf = (encoding: string) =>
  encoding === 'br' ? constants.BROTLI_OPERATION_FLUSH : constants.Z_SYNC_FLUSH;

/** Decoders by `Content-Encoding`. gzip is absent, because its first two bytes identify it. */
const STATED: ReadonlyMap<string, string[]> = new Map([
  ['deflate', ['deflate', 'raw deflate']],
  ['br', ['br']],
]);

export interface Inflated {
  bytes: Buffer;
  /** The encoding that was removed. `null`: the bytes are unchanged. */
  encoding: string | null;
  /** Why the content is incomplete; otherwise `null`. */
  cut: string | null;
}

/**
 * @param stated the `Content-Encoding`, if present; gzip is recognised by its first two bytes
 * @param maxBytes limit of the output, so that a small response cannot exhaust memory
 */
export function inflateAnswer(bytes: Buffer, stated: string | null, maxBytes: number): Inflated {
  for (const encoding of encodingsOf(bytes, stated)) {
    const inflate = INFLATES[encoding];
    if (inflate === undefined) continue;
    const whole = tryInflate(inflate, bytes, { maxOutputLength: maxBytes });
    if (whole !== null && whole.length > 0) return { bytes: whole, encoding, cut: null };
    const finishFlush = flushOf(encoding);
    const part = longestPart(inflate, bytes, { maxOutputLength: maxBytes, finishFlush });
    if (part.length > 0)
      return {
        bytes: part,
        encoding,
        cut: `the compressed answer (${encoding}) is broken or too long`,
      };
  }
  return { bytes, encoding: null, cut: null };
}

function encodingsOf(bytes: Buffer, stated: string | null): string[] {
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) return ['gzip'];
  return STATED.get(stated?.trim().toLowerCase() ?? '') ?? [];
}

function tryInflate(
  inflate: Inflate,
  bytes: Buffer,
  options: Parameters<Inflate>[1],
): Buffer | null {
  try {
    return inflate(bytes, options);
  } catch {
    return null;
  }
}

/** Inflates the longest usable prefix. Every prefix of a usable prefix is usable, so a binary search finds it. */
function longestPart(inflate: Inflate, bytes: Buffer, options: Parameters<Inflate>[1]): Buffer {
  let usable = 0;
  let part: Buffer = Buffer.alloc(0);
  for (let beyond = bytes.length + 1; beyond - usable > 1; ) {
    const middle = (usable + beyond) >> 1;
    const inflated = tryInflate(inflate, bytes.subarray(0, middle), options);
    if (inflated === null) beyond = middle;
    else {
      usable = middle;
      part = inflated;
    }
  }
  return part;
}
