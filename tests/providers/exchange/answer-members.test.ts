import { readAnswer } from '../../../src/providers/exchange/answer-members';
import { cpuTimeMs } from '../../support/cpu-time';

describe('readAnswer', () => {
  it.each<[string, string, Record<string, string> | null]>([
    ['pairs', 'a=b&c=d', { a: 'b', c: 'd' }],
    ['a trailing ampersand and a line break', 'a=b&\n', { a: 'b' }],
    ['an empty value', 'a=&c=d', { a: '', c: 'd' }],
    ['escapes', 'a=b%26c+d', { a: 'b&c d' }],
    ['a sentence', 'a=b c', null],
    ['a page', '<a href="?a=b">', null],
    ['a word', 'error', null],
  ])('recognises a form only if it is one: %s', (_what, text, members) => {
    const { form, levels } = readAnswer(text);
    expect(form === 'form' ? levels[0]?.members : null).toEqual(members);
  });

  it.each([
    ['a form with an invalid end', `a=b${'&a=b'.repeat(16_000)}<`],
    ['names without values', 'a&'.repeat(32_000)],
    ['nested arrays', '['.repeat(64_000)],
    ['quotes without an end', '"access_token":"'.repeat(4_000)],
    ['objects without an end', '{"access_token":"a",'.repeat(3_000)],
  ])('reads 64 kB of %s quickly', (_what, text) => {
    const from = cpuTimeMs();
    expect(readAnswer(text).levels.length).toBeLessThanOrEqual(1);
    expect(cpuTimeMs() - from).toBeLessThan(2_000);
  });
});
