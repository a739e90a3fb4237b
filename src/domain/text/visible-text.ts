/**
 * Escapes invisible characters that change how a text is read: controls, which rewrite a terminal or forge a line,
 * marks that reorder text, and characters without width. They become JavaScript escapes (`\u202e`).
 */
const UNSEEN = /[\p{Cc}\p{Default_Ignorable_Code_Point}\u2028\u2029\u2800\ufff9-\ufffb]/gu;
/** Joiners and variation selectors are kept, because scripts and emoji need them. */
const isNeeded = (character: string) =>
  character === '\u200c' ||
  character === '\u200d' ||
  (character >= '\ufe00' && character <= '\ufe0f');

/** For text shown in one line, and for JSON without indentation, whose parsed value stays the same. */
export function visible(text: string): string {
  return text.replace(UNSEEN, escaped);
}

/** For text with a layout, such as a page or indented JSON: keeps line feeds and tabs. */
export function visibleLines(text: string): string {
  return text.replace(UNSEEN, (one) => (one === '\n' || one === '\t' ? one : escaped(one)));
}

/** Escapes each UTF-16 unit, as JSON does: two escapes for a character beyond U+FFFF. */
function escaped(character: string): string {
  if (isNeeded(character)) return character;
  return character
    .split('')
    .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
    .join('');
}
