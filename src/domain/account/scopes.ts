/** Parses scopes in the formats of providers and of other systems' exports. */

/** Separators between scopes in text. RFC 6749 uses the space. */
export const SCOPE_SEPARATORS = [' ', ','] as const;
export type ScopeSeparator = (typeof SCOPE_SEPARATORS)[number];

/**
 * Reads scopes from an array of strings, or from text: separated, a JSON array (`["a","b"]`) or a PostgreSQL array
 * (`{a,b}`). Removes duplicates.
 * @returns `null` if the value has none of these forms
 */
export function readScopes(value: unknown, separator: ScopeSeparator = ' '): string[] | null {
  const listed = typeof value === 'string' ? scopesInText(value.trim(), separator) : value;
  if (!Array.isArray(listed)) return null;
  const scopes: string[] = [];
  for (const one of listed) {
    if (typeof one !== 'string') return null;
    scopes.push(one.trim());
  }
  return [...new Set(scopes)].filter((scope) => scope !== '');
}

function scopesInText(text: string, separator: ScopeSeparator): unknown {
  if (text.startsWith('[') && text.endsWith(']')) {
    const listed = jsonOf(text);
    if (Array.isArray(listed)) return listed;
  }
  if (text.startsWith('{') && text.endsWith('}')) {
    // PostgreSQL quotes an element that contains a comma, a blank or a quote, and escapes as JSON does.
    const elements = text.slice(1, -1).match(/"(?:[^"\\]|\\.)*"|[^,]+/g) ?? [];
    return elements.map((element) => jsonOf(element) ?? element);
  }
  return text.split(separator === ' ' ? /\s+/ : separator);
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
