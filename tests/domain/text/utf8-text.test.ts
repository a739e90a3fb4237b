/** Detection of UTF-8 by its bytes. */
import { foreignEncoding } from '../../../src/domain/text/utf8-text';

it.each<[string, Buffer]>([
  ['nothing', Buffer.alloc(0)],
  ['ASCII', Buffer.from('provider,external_id')],
  ['accents and emoji', Buffer.from('Müller 🌱')],
  ['a byte order mark', Buffer.from('\uFEFFprovider')],
  ['a line feed alone', Buffer.from('\n')],
])('recognises %s as UTF-8', (_what, bytes) => {
  expect(foreignEncoding(bytes)).toBeNull();
});

it.each<[string, Buffer]>([
  ['little-endian with a mark', Buffer.from('\uFEFFab', 'utf16le')],
  ['big-endian with a mark', Buffer.from('\uFEFFab', 'utf16le').swap16()],
  ['little-endian without one', Buffer.from('ab', 'utf16le')],
  ['big-endian without one', Buffer.from('ab', 'utf16le').swap16()],
  ['cut in the middle of a character', Buffer.from('\uFEFFab', 'utf16le').subarray(0, 5)],
])('recognises UTF-16 %s', (_what, bytes) => {
  expect(foreignEncoding(bytes)).toBe('UTF-16');
});

it.each<[string, Buffer]>([
  ['Latin 1', Buffer.from('Müller', 'latin1')],
  ['a character cut in two', Buffer.from('Müller').subarray(0, 2)],
  ['an overlong form', Buffer.from([0xc0, 0xaf])],
  ['half of a surrogate pair', Buffer.from([0xed, 0xa0, 0x80])],
])('rejects %s as UTF-8', (_what, bytes) => {
  expect(foreignEncoding(bytes)).toBe('unknown');
});
