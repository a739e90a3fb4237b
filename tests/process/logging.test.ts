/** Logging: masked secrets, visible ids, levels, and lines without control characters. */
import { Writable } from 'node:stream';
import type { Logger } from 'pino';
import { safeError } from '../../src/domain/masking/safe-error';
import { Secret } from '../../src/domain/masking/secret';
import { LOG_LEVELS, type LogLevel } from '../../src/process/config';
import { createLogger, forTerminal } from '../../src/process/logging';

/** Returns the output of a real logger. */
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

/** Ways in which a secret may reach a line, although code must never log one. */
const SHAPES: Shape[] = [
  ['a member', (logger, secret) => logger.info({ refresh_token: secret })],
  ['a member one level down', (logger, secret) => logger.info({ grant: { access_token: secret } })],
  [
    'a member two levels down',
    (logger, secret) => logger.info({ a: { b: { refresh_token: secret } } }),
  ],
  [
    'a member in an array',
    (logger, secret) => logger.info({ grants: [{ refresh_token: secret }] }),
  ],
  ['a member in camel case', (logger, secret) => logger.info({ refreshToken: secret })],
  ['a member of any name', (logger, secret) => logger.info({ value: secret })],
  ['an item of a list', (logger, secret) => logger.info({ values: ['x', secret] })],
  ['the name of a member', (logger, secret) => logger.info({ [secret]: 1 })],
  [
    'an authorization header',
    (logger, secret) => logger.info({ headers: { authorization: secret } }),
  ],
  [
    'a header with a scheme in a list',
    (logger, secret) => logger.info({ rawHeaders: ['Authorization', `Bearer ${secret}`] }),
  ],
  ['the message', (logger, secret) => logger.info(`token ${secret}`)],
  ['the middle of a message', (logger, secret) => logger.info(`(${secret}), and more`)],
  ['a value interpolated into the message', (logger, secret) => logger.info('token %s', secret)],
  [
    'an object interpolated into the message',
    (logger, secret) => logger.info('with %j', { t: [secret] }),
  ],
  ['an error without a message', (logger, secret) => logger.error(new Error(secret))],
  [
    'an error as a member, without a message',
    (logger, secret) => logger.error({ err: new Error(secret) }),
  ],
  [
    'the message of an error next to a message',
    (logger, secret) => logger.error({ err: new Error(secret) }, 'message'),
  ],
  ['a text in place of an error', (logger, secret) => logger.error({ error: secret }, 'message')],
  [
    'the cause of an error',
    (logger, secret) =>
      logger.error({ err: new Error('x', { cause: new Error(secret) }) }, 'message'),
  ],
  [
    'a member of an error',
    (logger, secret) =>
      logger.error({ err: Object.assign(new Error('x'), { body: secret }) }, 'message'),
  ],
  [
    'an error that is a member of another name',
    (logger, secret) => logger.error({ failure: { message: secret, stack: `Error: ${secret}` } }),
  ],
  ['a URL', (logger, secret) => logger.info({ url: `https://x/?t=${secret}` })],
  ['a form', (logger, secret) => logger.info({ body: `a=b&refresh_token=${secret}&c=d` })],
  [
    'JSON text',
    (logger, secret) => logger.info({ body: JSON.stringify({ refresh_token: secret }) }),
  ],
  [
    'JSON text within JSON text',
    (logger, secret) =>
      logger.info({ body: JSON.stringify({ a: JSON.stringify({ access_token: secret }) }) }),
  ],
  ['a binding of a child logger', (logger, secret) => logger.child({ with: secret }).info('x')],
];

/** Whether the output contains no part of the secret. */
function isMasked(use: Shape[1], secret: string): boolean {
  const text = written((logger) => use(logger, secret));
  const parts = [secret, encodeURIComponent(secret)].flatMap((form) => [
    form.slice(-12),
    form.slice(4, 16),
    form.slice(form.length / 2, form.length / 2 + 12),
  ]);
  return text !== '' && !parts.some((part) => text.includes(part));
}

describe('a logged secret', () => {
  describe.each(SECRETS)('%s', (_kind, secret) => {
    it.each(SHAPES)('is masked as %s', (_shape, use) => {
      expect(isMasked(use, secret)).toBe(true);
    });
  });

  // Words, digits and spaces, which no pattern can distinguish from harmless text.
  describe.each([
    ['a pass phrase', 'correct horse battery staple'],
    ['a number', '402931778120'],
    ['a word', 'abracadabra'],
    ['text with JSON syntax', 'a"b\\c\nd/"}{é😀 e=f&g'],
  ])('%s without a recognisable form, as long as its Secret exists', (_kind, text) => {
    it.each(SHAPES)('is masked as %s', (_shape, use) => {
      const alive = new Secret(text);
      const lines = written((logger) => use(logger, text));
      expect(JSON.parse(lines)).toEqual(expect.anything());
      expect(lines).not.toContain(JSON.stringify(text).slice(1, -1).slice(2, 14));
      expect(alive.reveal()).toBe(text);
    });
  });

  it.each<Shape>([
    ['a member', (logger, secret) => logger.info({ secret })],
    ['a member of any name', (logger, secret) => logger.info({ a: { b: [secret] } })],
    ['the message', (logger, secret) => logger.info(`it is ${secret}`)],
    ['a value interpolated into the message', (logger, secret) => logger.info('it is %s', secret)],
    [
      'an object interpolated into the message',
      (logger, secret) => logger.info('it is %o', { secret }),
    ],
  ])('is masked as a Secret object in %s', (_shape, use) => {
    const lines = written((logger) => use(logger, new Secret('open sesame!') as unknown as string));
    expect(lines).not.toContain('sesame');
    expect(lines).toMatch(/\[secret\]|<masked>/);
  });
});

/** Ids of workflows, runs, accounts, log entries and events, as they occur in messages. */
const OWN_IDS = [
  'sweep/ebay-2026-11-29T22:16:53Z',
  'sweep/my-own-provider2-2026-11-29T22:16:53Z',
  'sweep/ebay/triggered',
  'refresh-account/acc_4b6f0c2d9e8a7b6c5d4e3f2a',
  'validate-account/acc_4b6f0c2d9e8a7b6c5d4e3f2a',
  'refresh-batch/01a22961-efa0-7d6f-a7a2-bd23a6703c3d/12',
  'refresh-batch/api/01a22961-efa0-7d6f-a7a2-bd23a6703c3d',
  'apply-policy/my-own-provider2',
  'app/my-own-provider2/production',
  '01a22961-efa0-7d6f-a7a2-bd23a6703c3d',
  '01a22961-efa0-7d6f-a7a2-bd23a6703c3d-1',
  '01a22961-ef69-750b-ac98-158ed6f0d981-validate-acc_6c7e7c3b3cbc10453953a349',
  'evt_acc_4b6f0c2d9e8a7b6c5d4e3f2a_account_needs_reconnect_1795372205112',
  'deliver-event/evt_acc_4b6f0c2d9e8a7b6c5d4e3f2a_account_needs_reconnect_1795372205112/whk_4b6f0c2d9e8a7b6c5d4e3f2a',
];

describe('harmless text', () => {
  it.each(OWN_IDS)('includes the whole id %j in a member of any name', (id) => {
    const line = JSON.parse(
      written((logger) => logger.info({ requested_by: id, started: id, ids: [id] }, id)),
    );
    expect(line).toMatchObject({ requested_by: id, started: id, ids: [id], msg: id });
  });

  it.each([
    'sweep/0123456789abcdef0123456789abcdef',
    'sweep/ebay-2026-11-29T22-0123456789abcdef0123',
    'apply-policy/ePq7XwN0eTzK4cLm2d8sYb1R9a',
    'refresh-account/acc_4b6f0c2d9e8a7b6c5d4e3f2a5d',
    'refresh-account/acc_4b6f0c2d9e8a7b6c5d4e3f2a_ePq7XwN0eTzK4cLm',
  ])('is masked if it only begins like an id: %j', (text) => {
    const line = JSON.parse(written((logger) => logger.info({ started: text }, text)));
    expect(line).toMatchObject({ started: '<masked>', msg: '<masked>' });
  });

  it.each(['err', 'error'])('is kept in place of an error, as %s', (name) => {
    const line = JSON.parse(
      written((logger) => logger.warn({ [name]: 'MongoDB is unreachable' }, 'waiting')),
    );
    expect(line[name]).toBe('MongoDB is unreachable');
  });

  it('is logged unchanged', () => {
    const members = {
      account_id: 'acc_4b6f0c2d9e8a7b6c5d4e3f2a',
      workflow_id: 'refresh-account/acc_4b6f0c2d9e8a7b6c5d4e3f2a',
      run_id: '0199c0de-7a1b-7c3d-8e4f-5a6b7c8d9e0f',
      key_id: 'jwt:auth0|5f7c8ec7c33c6c004bbafe82',
      address: '::ffff:127.0.0.1',
      url: 'http://127.0.0.1:3000',
      due: 10,
      tokens: 27,
      token_type: 'Bearer',
      refresh_token_fingerprint: 'Zm9vYmFyYmF6',
      expires_at: '2026-11-22T19:33:08.221Z',
      interrupted: false,
      nothing: null,
    };
    const msg =
      'Refreshed: the new access token of acc_4b6f0c2d9e8a7b6c5d4e3f2a is valid until 2026-11-22T19:33:08.221Z (run 0199c0de-7a1b-7c3d-8e4f-5a6b7c8d9e0f).';
    const line = JSON.parse(written((logger) => logger.info(members, msg)));
    expect(line).toMatchObject({ ...members, msg });
  });

  it.each([
    'mongodb-memory-server: Download failed for "https://fastdl.mongodb.org/linux/mongodb-linux-x86_64-debian12-8.2.6.tgz"',
    'The refresh token is not accepted: the owner must reconnect the account.',
    'data in /home/evergrant/data/engines/mongodb-2026',
    'sweep/ebay-production-of-all-organisations is paused (key 9f8e7d6c5b4a3f2e)',
    ...OWN_IDS.map((id) => `the workflow ${id} has been running since 2026-11-29T22:16:53.685Z`),
  ])('is logged unchanged as a message: %j', (message) => {
    expect(JSON.parse(written((logger) => logger.info(message))).msg).toBe(message);
  });
});

describe('LOG_LEVEL', () => {
  it.each(LOG_LEVELS)('R2.6 %s hides lower levels and shows the others', (level) => {
    const text = written((logger) => {
      for (const one of LOG_LEVELS) logger[one]('message');
    }, level);
    const shown = text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).level);
    expect(shown).toEqual(LOG_LEVELS.slice(LOG_LEVELS.indexOf(level)));
  });
});

describe('a line', () => {
  it('is JSON with time, level and message, without the host name or process id', () => {
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
  ])('has no control characters for the text %j', (hostile) => {
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

  it('keeps the name and the place of an error', () => {
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
    ['the errors of an aggregate', new AggregateError([new Error(SECRET)], SECRET)],
    ['a modified stack', Object.assign(new Error('x'), { stack: SECRET })],
    ['a thrown text', SECRET],
    ['a thrown object', { message: SECRET, name: SECRET, stack: `at ${SECRET}` }],
  ])('omits %s', (_part, error) => {
    expect(JSON.stringify(safeError(error))).not.toContain(SECRET.slice(-12));
  });
});

describe('invisible characters', () => {
  const text = 'a\u202e\u001b[2J\u0085\u2028b';
  const line = () => written((logger) => logger.info({ label: text, [text]: 1 }, text));

  it('are escaped in a line, whose parsed values are the original', () => {
    expect(line()).toMatch(/^[\x20-\x7e]+\n$/);
    expect(JSON.parse(line())).toMatchObject({ label: text, msg: text });
  });

  it('are escaped in values for a terminal', () => {
    const shown = 'a\\u202e\\u001b[2J\\u0085\\u2028b';
    const inTerminal = JSON.parse(forTerminal(line()));
    expect(inTerminal).toMatchObject({ label: shown, msg: shown });
  });
});
