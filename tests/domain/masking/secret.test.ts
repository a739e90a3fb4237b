import { format, inspect } from 'node:util';
import { Secret, secretsIn } from '../../../src/domain/masking/secret';

const TEXT = 'v^1.1#i^1#PLANTED-0a1b2c3d4e5f6a7b8c';

const forms: [string, (secret: Secret) => unknown][] = [
  ['a template', (secret) => `it is ${secret as unknown as string}`],
  ['String()', (secret) => String(secret)],
  ['an addition', (secret) => `${secret as unknown as string}.`],
  ['JSON', (secret) => JSON.stringify({ a: [secret] })],
  ['inspect', (secret) => inspect(secret, { depth: null, showHidden: true, getters: true })],
  ['inspect, deep in something', (secret) => inspect(new Map([['a', { b: [secret] }]]), false, 9)],
  ['a format with %s', (secret) => format('%s', secret)],
  ['a format with %o', (secret) => format('%o', secret)],
  ['a format with %j', (secret) => format('%j', secret)],
  ['its value', (secret) => JSON.stringify(secret.valueOf())],
  ['a list that is joined', (secret) => [secret].join()],
  ['its members', (secret) => JSON.stringify([Object.entries(secret), Object.assign({}, secret)])],
  ['a copy', (secret) => JSON.stringify(structuredClone(secret))],
  ['a query', (secret) => new URLSearchParams({ a: secret as unknown as string }).toString()],
  ['an error', (secret) => inspect(new Error('x', { cause: secret }))],
];

it.each(forms)('a secret does not appear in %s', (_form, shown) => {
  const text = String(shown(new Secret(TEXT)));
  for (let at = 0; at + 6 <= TEXT.length; at += 1)
    expect(text).not.toContain(TEXT.slice(at, at + 6));
});

it('a secret returns its text from reveal()', () => {
  expect(new Secret(TEXT).reveal()).toBe(TEXT);
});

it('a long or short secret is found at any place of a text', () => {
  const [long, short] = [new Secret(TEXT), new Secret('hunter22')];
  for (let before = 0; before < 20; before += 1)
    expect(secretsIn(`${'-'.repeat(before)}${TEXT}!`)).toEqual([long.reveal()]);
  expect(secretsIn('a hunter22.')).toEqual([short.reveal()]);
  expect(secretsIn('nothing of that kind is in this one')).toEqual([]);
});

it('a secret is found while one of two with the same text is alive', () => {
  const text = 'a secret that two have opened';
  const two = [new Secret(text), new Secret(text)];
  expect(secretsIn(`it is ${text}`)).toEqual([text]);
  expect(two).toHaveLength(2);
});
