/** Invisible characters become visible escapes. */
import { visible, visibleLines } from '../../../src/domain/text/visible-text';

const UNSEEN: readonly [string, number, number][] = [
  ['C0 controls', 0x00, 0x1f],
  ['DEL and C1 controls', 0x7f, 0x9f],
  ['the Arabic letter mark', 0x61c, 0x61c],
  ['the Mongolian vowel separator', 0x180e, 0x180e],
  ['the zero width space', 0x200b, 0x200b],
  ['directional marks', 0x200e, 0x200f],
  ['line and paragraph separators', 0x2028, 0x2029],
  ['bidirectional embeddings and overrides', 0x202a, 0x202e],
  ['the word joiner and invisible operators', 0x2060, 0x2064],
  ['bidirectional isolates', 0x2066, 0x2069],
  ['the byte order mark', 0xfeff, 0xfeff],
  ['the soft hyphen', 0xad, 0xad],
  ['the combining grapheme joiner', 0x34f, 0x34f],
  ['Hangul fillers', 0x115f, 0x1160],
  ['the Hangul filler', 0x3164, 0x3164],
  ['the halfwidth Hangul filler', 0xffa0, 0xffa0],
  ['the empty Braille pattern', 0x2800, 0x2800],
  ['musical controls', 0x1d173, 0x1d17a],
  ['tags and later variation selectors', 0xe0000, 0xe01ef],
];

it.each(UNSEEN)('makes %s visible', (_what, first, last) => {
  for (let code = first; code <= last; code += 1) {
    const character = String.fromCodePoint(code);
    const shown = visible(`a${character}b`);
    expect(shown).toMatch(/^a(?:\\u[0-9a-f]{4})+b$/);
    // Parsing the JSON escape returns the original character.
    expect(JSON.parse(`"${shown}"`)).toBe(`a${character}b`);
  }
});

it.each([
  'Harbour Books',
  'Café “Ünïcode” – €',
  'שלום עולם',
  'مرحبا',
  'می‌خواهم',
  '👩‍👩‍👧‍👦 ❤️',
  '日本語　テキスト',
  'a\\u202eb',
])('leaves %j unchanged', (text) => {
  expect(visible(text)).toBe(text);
});

it('shows an override as a JavaScript escape', () => {
  expect(visible('exe.\u202egpj')).toBe('exe.\\u202egpj');
});

it('keeps line feeds and tabs if requested', () => {
  expect(visibleLines('a\n\tb\r\u001b[2J')).toBe('a\n\tb\\u000d\\u001b[2J');
  expect(visible('a\n\tb')).toBe('a\\u000a\\u0009b');
});

it('keeps the parsed value of JSON', () => {
  const value = { label: 'a\u202e\u0085\u2028\u{e0041}b\n"', list: ['\u200b', '\\'] };
  expect(JSON.parse(visible(JSON.stringify(value)))).toEqual(value);
  const indented = visibleLines(JSON.stringify(value, null, 2));
  expect(JSON.parse(indented)).toEqual(value);
  for (const text of [visible(JSON.stringify(value)), indented])
    expect(text).not.toMatch(/[\u0080-\u009f\u200b\u2028\u202e]|\u{e0041}/u);
});
