/** Cursors of paged lists. Callers must treat them as opaque. */

/** Encodes the position after which the next page begins. */
export function encodeCursor(...parts: string[]): string {
  return Buffer.from(JSON.stringify(parts)).toString('base64url');
}

/**
 * Decodes a cursor into its parts.
 * @returns `null` if the text is not a valid cursor
 */
export function decodeCursor(cursor: string, count: number): string[] | null {
  try {
    const parts: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
    if (
      Array.isArray(parts) &&
      parts.length === count &&
      parts.every((part) => typeof part === 'string')
    )
      return parts;
  } catch {
    // Invalid JSON: not a cursor.
  }
  return null;
}
