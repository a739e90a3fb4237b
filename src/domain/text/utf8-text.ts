/** Detects text that is not UTF-8 by its bytes. Decoding such text would lose characters silently. */
import { isUtf8 } from 'node:buffer';

/** Returns the encoding of bytes that are not UTF-8, or `null` for UTF-8. */
export function foreignEncoding(bytes: Buffer): 'UTF-16' | 'unknown' | null {
  if (isUtf16(bytes)) return 'UTF-16';
  return isUtf8(bytes) ? null : 'unknown';
}

/** Detects a byte order mark, or a 0 as every second byte of the first two characters, as in Latin text. */
export function isUtf16(bytes: Buffer): boolean {
  const [a = 0, b = 0, c = 0, d = 0] = bytes;
  if ((a === 0xff && b === 0xfe) || (a === 0xfe && b === 0xff)) return true;
  if (bytes.length < 4) return false;
  return (a !== 0 && b === 0 && c !== 0 && d === 0) || (a === 0 && b !== 0 && c === 0 && d !== 0);
}

/** Returns a message with the fault and the remedy. */
export function encodingProblem(encoding: 'UTF-16' | 'unknown', savedAs: string): string {
  const what = encoding === 'UTF-16' ? 'UTF-16, not UTF-8' : 'not UTF-8';
  return `${what}: save the file as ${savedAs}`;
}
