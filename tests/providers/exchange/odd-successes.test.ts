/** Answers of status 2xx: whatever is odd about them, a token in them is kept (recipe 14 of the fault catalogue). */
import {
  NEW_ACCESS_TOKEN as AT,
  type CannedAnswer,
  exchangeAnswered,
  REFRESH_TOKEN,
  NEW_REFRESH_TOKEN as RT,
  stopProviders,
} from './_provider';

const SENT = new Date('2026-11-22T12:00:00.000Z');
const DEFAULT_LIFE = 7200;
const whole = { access_token: AT, token_type: 'User Access Token', expires_in: 3600 };
const json = (members: object): CannedAnswer => ({ body: JSON.stringify(members) });
const without = (name: keyof typeof whole) =>
  json(Object.fromEntries(Object.entries(whole).filter(([key]) => key !== name)));

afterEach(stopProviders);

/** What an exchange came to, in the few words of the tables below. */
async function exchanged(answer: CannedAnswer) {
  const result = await exchangeAnswered(answer, { now: () => SENT });
  const [grant] = result.received;
  return {
    outcome: result.outcome,
    code: result.failure?.code ?? null,
    access: grant?.accessToken ?? null,
    refresh: grant?.refreshToken ?? null,
    life: grant === undefined ? null : (grant.expiresAt.getTime() - SENT.getTime()) / 1000,
    warned: result.warnings.length > 0,
    received: result.received.length,
  };
}

const OK = { outcome: 'ok', code: null, access: AT, refresh: null, life: 3600, received: 1 };

describe('a 2xx with a usable access token', () => {
  it.each<[string, CannedAnswer, object]>([
    ['is ok as it should be', json(whole), { warned: false }],
    ['is ok with type Bearer', json({ ...whole, token_type: 'Bearer' }), { warned: false }],
    ['is ok labelled as text', { ...json(whole), headers: { 'content-type': 'text/plain' } }, {}],
    ['is ok with a byte order mark', { body: `\uFEFF${JSON.stringify(whole)}` }, { warned: false }],
    ['is ok with blanks around', { body: `\r\n ${JSON.stringify(whole)}\n` }, { warned: false }],
    ['is ok without token_type, with a warning', without('token_type'), { warned: true }],
    [
      'is ok with a token_type nobody knows',
      json({ ...whole, token_type: 'mac' }),
      { warned: true },
    ],
    ['is ok with status 201', { ...json(whole), status: 201 }, { warned: true }],
    ['is ok with status 206', { ...json(whole), status: 206 }, { warned: true }],
    ['is ok in an array', { body: JSON.stringify([whole]) }, { warned: true, life: DEFAULT_LIFE }],
    ['is ok with an error beside', json({ ...whole, error: 'invalid_grant' }), {}],
    [
      'is ok cut in the middle, the refresh token kept',
      { body: `{"refresh_token":"${RT}","access_token":"${AT}","expi` },
      { warned: true, refresh: RT, life: DEFAULT_LIFE },
    ],
    [
      'takes the last of duplicate members',
      {
        body: `{"access_token":"old","access_token":"${AT}","token_type":"Bearer","expires_in":3600}`,
      },
      { warned: false },
    ],
    [
      'is not misled by __proto__',
      { body: `{"__proto__":{"access_token":"x"},${JSON.stringify(whole).slice(1)}` },
      {},
    ],
    [
      'is ok within a megabyte',
      { body: `{"access_token":"${AT}","padding":"${'x'.repeat(1 << 20)}"}` },
      { warned: true, life: DEFAULT_LIFE },
    ],
  ])('%s', async (_what, answer, expected) => {
    expect(await exchanged(answer)).toMatchObject({ ...OK, ...expected });
  });

  it.each<[unknown, number, boolean]>([
    [3600, 3600, false],
    ['3600', 3600, false],
    ['1h', DEFAULT_LIFE, false],
    [-5, DEFAULT_LIFE, true],
    [0, 1, false],
    [1e20, 400 * 24 * 3600, false],
    [null, DEFAULT_LIFE, true],
    [{}, DEFAULT_LIFE, true],
    [undefined, DEFAULT_LIFE, false],
  ])('of expires_in %j lives %i seconds (a warning: %j)', async (stated, life, warned) => {
    expect(await exchanged(json({ ...whole, expires_in: stated }))).toEqual({
      ...OK,
      life,
      warned,
    });
  });

  it.each<[string, unknown, string | null, boolean]>([
    ['a new one: it is taken', RT, RT, false],
    ['the same one: it is taken', REFRESH_TOKEN, REFRESH_TOKEN, false],
    ['none: the old one stays', undefined, null, false],
    ['an empty one: the old one stays', '', null, true],
    ['null: the old one stays', null, null, true],
    ['a number: the old one stays', 42, null, true],
  ])('R2.2 with a refresh token that is %s', async (_which, stated, refresh, warned) => {
    const answer = json({ ...whole, refresh_token: stated });
    expect(await exchanged(answer)).toEqual({ ...OK, refresh, warned });
  });

  it('is kept before a strict reading may refuse it: the two do not depend on each other', async () => {
    const order: string[] = [];
    const result = await exchangeAnswered(without('token_type'), {
      receive: () => {
        order.push('received');
      },
    });
    expect(order).toEqual(['received']);
    expect(result.warnings[0]).toMatch(/^not a strict token response \(.*"token_type"/);
  });

  it('counts its life from the sending, so that a slow answer makes no token look young', async () => {
    let clock = SENT.getTime();
    const result = await exchangeAnswered(json(whole), {
      now: () => {
        clock += 10_000;
        return new Date(clock);
      },
    });
    expect(result.received[0]?.expiresAt.getTime()).toBe(
      (result.sentAt?.getTime() ?? 0) + 3_600_000,
    );
    expect(result.response?.duration_ms).toBe(10_000);
  });

  it('brings scopes and the refresh token’s own life where they are stated', async () => {
    const { received } = await exchangeAnswered(
      json({ ...whole, scope: 'a  b', refresh_token_expires_in: 60 }),
      { now: () => SENT },
    );
    expect(received[0]).toMatchObject({
      scopes: ['a', 'b'],
      refreshTokenExpiresAt: new Date(SENT.getTime() + 60_000),
    });
  });

  it.each([1e20, Number.MAX_VALUE, -1e20])(
    'has no unusable date for a refresh token life of %d',
    async (life) => {
      const { received } = await exchangeAnswered(
        json({ ...whole, refresh_token_expires_in: life }),
      );
      const at = received[0]?.refreshTokenExpiresAt ?? null;
      expect(at === null || Number.isFinite(at.getTime())).toBe(true);
    },
  );
});

describe('a 2xx without a usable access token', () => {
  const unusable = {
    outcome: 'unknown',
    code: 'invalid_token_response',
    access: null,
    refresh: null,
    life: null,
    warned: false,
    received: 0,
  };

  it.each<[string, CannedAnswer]>([
    [
      'HTML',
      { body: '<html><body>Welcome!</body></html>', headers: { 'content-type': 'text/html' } },
    ],
    ['empty', { body: '' }],
    ['204', { status: 204 }],
    ['205', { status: 205 }],
    ['null', { body: 'null' }],
    ['an empty object', { body: '{}' }],
    ['an array of nothing', { body: '[]' }],
    ['an OAuth error', json({ error: 'invalid_grant', error_description: 'no' })],
    ['Slack’s refusal', json({ ok: false, error: 'invalid_refresh_token' })],
    ['tokens that are no strings', json({ access_token: { a: 1 }, refresh_token: 7 })],
    ['tokens inherited from __proto__', { body: `{"__proto__":{"access_token":"${AT}"}}` }],
    ['another charset', { body: Buffer.from(JSON.stringify(whole), 'utf16le') }],
    ['a megabyte of nothing', { body: 'x'.repeat(1 << 20) }],
  ])('is unknown: %s', async (_what, answer) => {
    expect(await exchanged(answer)).toEqual(unusable);
  });

  it('R2.2 keeps a refresh token that came alone', async () => {
    expect(await exchanged(json({ refresh_token: RT }))).toMatchObject({
      outcome: 'unknown',
      code: 'invalid_token_response',
      access: null,
      refresh: RT,
    });
  });

  it('says of a body beyond 64 kB that it was too long', async () => {
    const { failure } = await exchangeAnswered({ body: 'x'.repeat(65_537) });
    expect(failure?.detail).toBe('the answer is longer than 64 kB');
  });
});
