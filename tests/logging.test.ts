import { Writable } from 'node:stream';
import type { Logger } from 'pino';
import { LOG_LEVELS, type LogLevel } from '../src/config';
import { safeError } from '../src/domain/safe-error';
import { createLogger } from '../src/logging';

/** What a real logger writes when it is used so. */
function written(use: (logger: Logger) => void, level: LogLevel = 'trace'): string {
  let text = '';
  const destination = new Writable({
    write(chunk, _encoding, done) {
      text += String(chunk);
      done();
    },
  });
  use(createLogger(level, destination));
  return text;
}

const SECRETS: [string, string][] = [
  ['an access token', 'v^1.1#i^1#I^3#p^3#r^0#f^0#t^H4sIAAAAAAAAAOVYa2wUVRTu9oU8'],
  ['a refresh token', 'v^1.1#i^1#I^3#p^3#r^1#f^0#t^Ul4xMF8xOjQ2RTc4RkI5MDNDRTQx'],
  ['a client secret', 'PRD-a1b2c3d4e5f6-7a8b-4c9d-8e0f-1a2b'],
  ['an API key', 'evg_0123456789abcdef_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG'],
  ['an encryption key', 'AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8='],
];

type Shape = [string, (logger: Logger, secret: string) => void];

/** What the net under the rule (log chosen fields, never what bears a token) catches. */
const CAUGHT: Shape[] = [
  ['a member', (logger, secret) => logger.info({ refresh_token: secret })],
  ['a member one level down', (logger, secret) => logger.info({ grant: { access_token: secret } })],
  [
    'an authorization header',
    (logger, secret) => logger.info({ headers: { authorization: secret } }),
  ],
  [
    'the message of an error beside a message of ours',
    (logger, secret) => logger.error({ err: new Error(secret) }, 'ours'),
  ],
  [
    'the cause of an error',
    (logger, secret) => logger.error({ err: new Error('x', { cause: new Error(secret) }) }, 'ours'),
  ],
  [
    'a member of an error',
    (logger, secret) =>
      logger.error({ err: Object.assign(new Error('x'), { body: secret }) }, 'ours'),
  ],
];

/** What it does not: these are why nothing that bears a token may be logged. */
const NOT_CAUGHT: Shape[] = [
  [
    'a member two levels down',
    (logger, secret) => logger.info({ a: { b: { refresh_token: secret } } }),
  ],
  [
    'a member in an array',
    (logger, secret) => logger.info({ grants: [{ refresh_token: secret }] }),
  ],
  ['a member in camel case', (logger, secret) => logger.info({ refreshToken: secret })],
  ['the message', (logger, secret) => logger.info(`token ${secret}`)],
  ['a value put into the message', (logger, secret) => logger.info('token %s', secret)],
  ['an error with no message of ours', (logger, secret) => logger.error(new Error(secret))],
  ['a URL', (logger, secret) => logger.info({ url: `https://x/?t=${secret}` })],
  ['a form', (logger, secret) => logger.info({ body: `refresh_token=${secret}` })],
  [
    'JSON text',
    (logger, secret) => logger.info({ body: JSON.stringify({ refresh_token: secret }) }),
  ],
];

/** Whether nothing of the secret came through. */
function isCaught(use: Shape[1], secret: string): boolean {
  const text = written((logger) => use(logger, secret));
  return text !== '' && !text.includes(secret.slice(-16));
}

describe('a secret that is logged against the rule', () => {
  describe.each(SECRETS)('%s', (_kind, secret) => {
    it.each(CAUGHT)('is caught as %s', (_shape, use) => {
      expect(isCaught(use, secret)).toBe(true);
    });

    // Passes as long as the net has the hole, and fails as soon as it is mended: then the shape moves up.
    it.failing.each(NOT_CAUGHT)('is caught as %s', (_shape, use) => {
      if (!isCaught(use, secret)) throw new Error('the secret is in the line');
    });
  });
});

describe('LOG_LEVEL', () => {
  it.each(LOG_LEVELS)('R2.6 %s hides what is below it and shows the rest', (level) => {
    const text = written((logger) => {
      for (const one of LOG_LEVELS) logger[one]('said');
    }, level);
    const shown = text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).level);
    expect(shown).toEqual(LOG_LEVELS.slice(LOG_LEVELS.indexOf(level)));
  });
});

describe('a line', () => {
  it('is JSON with time, level and message, and nothing of the machine', () => {
    const line = JSON.parse(written((logger) => logger.info({ account: 'acc_1' }, 'refreshed')));
    expect(Object.keys(line)).toEqual(['level', 'time', 'account', 'msg']);
    expect(new Date(line.time).toISOString()).toBe(line.time);
  });

  it.each([
    '\n{"level":60,"msg":"forged"}',
    '\r\n',
    '\u001b]0;owned\u0007',
    '\u001b[2J\u001b[31m',
    '\u0000\u0008',
    '"}\n{"',
  ])('is one line without control characters, whatever is in it: %j', (hostile) => {
    const text = written((logger) =>
      logger.info({ label: hostile, [hostile]: 1, list: [hostile] }, hostile),
    );
    expect(text.endsWith('\n')).toBe(true);
    const line = text.slice(0, -1);
    // eslint-disable-next-line no-control-regex
    expect(line).not.toMatch(/[\u0000-\u001f]/);
    expect(JSON.parse(line)).toMatchObject({ level: 'info', label: hostile, msg: hostile });
  });
});

describe('safeError', () => {
  const SECRET = 'v^1.1#i^1#I^3#p^3#r^1#f^0#t^Ul4xMF8xOjQ2';

  it('shows the name and the place of an error', () => {
    const shown = safeError(new TypeError('x'));
    expect(shown.name).toBe('TypeError');
    expect(shown.at[0]).toMatch(/^at .*logging\.test\.ts:\d+/);
    expect(shown.at.length).toBeLessThanOrEqual(8);
  });

  it.each<[string, unknown]>([
    ['its message', new Error(SECRET)],
    ['a message of many lines', new Error(`line\nline ${SECRET}\nline`)],
    ['a message that looks like a place', new Error(`failed\n    at ${SECRET}`)],
    ['its cause', new Error('x', { cause: new Error(SECRET) })],
    ['its members', Object.assign(new Error('x'), { body: SECRET })],
    ['the errors it holds', new AggregateError([new Error(SECRET)], SECRET)],
    ['a stack that was tampered with', Object.assign(new Error('x'), { stack: SECRET })],
    ['a text that was thrown', SECRET],
    ['an object that was thrown', { message: SECRET, name: SECRET, stack: `at ${SECRET}` }],
  ])('never shows %s', (_what, error) => {
    expect(JSON.stringify(safeError(error))).not.toContain(SECRET.slice(-12));
  });
});
