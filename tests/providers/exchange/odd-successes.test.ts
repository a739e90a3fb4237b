/** Responses with status 2xx. Their token is kept, even if they are malformed (recipe 14 of the fault catalogue). */
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import { SCOPES_MAX, TOKEN_LENGTH_MAX } from '../../../src/domain/account/grant-bounds';
import type { ReplayRule } from '../../../src/domain/refresh/replay';
import type { ProviderConfig } from '../../../src/providers/config/provider-entry';
import {
  NEW_ACCESS_TOKEN as AT,
  type CannedAnswer,
  cannedProvider,
  exchangeAnswered,
  exchangeAt,
  oauth2At,
  REFRESH_TOKEN,
  NEW_REFRESH_TOKEN as RT,
  stopProviders,
} from '../_provider';

const SENT = new Date('2026-11-22T12:00:00.000Z');
const DEFAULT_LIFE = 7200;
const whole = { access_token: AT, token_type: 'User Access Token', expires_in: 3600 };
const json = (members: object): CannedAnswer => ({ body: JSON.stringify(members) });
const without = (name: keyof typeof whole) =>
  json(Object.fromEntries(Object.entries(whole).filter(([key]) => key !== name)));

afterEach(stopProviders);

/** Returns the result of an exchange in the form of the tables below. */
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

/** Settings of a provider whose refresh tokens may be sent twice. */
const SAFE: Partial<ProviderConfig> = { replayRule: { kind: 'safe' } };
const OK = { outcome: 'ok', code: null, access: AT, refresh: null, life: 3600, received: 1 };

describe('a 2xx with a usable access token', () => {
  it.each<[string, CannedAnswer, object]>([
    ['is ok in the standard form', json(whole), { warned: false }],
    ['is ok with type Bearer', json({ ...whole, token_type: 'Bearer' }), { warned: false }],
    ['is ok labelled as text', { ...json(whole), headers: { 'content-type': 'text/plain' } }, {}],
    ['is ok with a byte order mark', { body: `\uFEFF${JSON.stringify(whole)}` }, { warned: false }],
    [
      'is ok with surrounding white space',
      { body: `\r\n ${JSON.stringify(whole)}\n` },
      { warned: false },
    ],
    ['is ok without token_type, with a warning', without('token_type'), { warned: true }],
    ['is ok with an unknown token_type', json({ ...whole, token_type: 'mac' }), { warned: true }],
    ['is ok with status 201', { ...json(whole), status: 201 }, { warned: true }],
    ['is ok with status 206', { ...json(whole), status: 206 }, { warned: true }],
    ['is ok in an array', { body: JSON.stringify([whole]) }, { warned: true }],
    ['is ok with an error beside', json({ ...whole, error: 'invalid_grant' }), {}],
    [
      'is ok cut in the middle, the refresh token kept',
      { body: `{"refresh_token":"${RT}","access_token":"${AT}","expi` },
      { warned: true, refresh: RT, life: DEFAULT_LIFE },
    ],
    [
      'uses the last of duplicate members',
      {
        body: `{"access_token":"old","access_token":"${AT}","token_type":"Bearer","expires_in":3600}`,
      },
      { warned: false },
    ],
    [
      'ignores __proto__',
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
    ['1h', DEFAULT_LIFE, true],
    [-5, DEFAULT_LIFE, true],
    [0, 1, false],
    [1e20, DEFAULT_LIFE, true],
    [SENT.getTime() / 1000 + 900, 900, true],
    [SENT.getTime() + 3_600_000, 3600, true],
    ['2026-11-22T13:00:00Z', 3600, true],
    [null, DEFAULT_LIFE, false],
    [{}, DEFAULT_LIFE, true],
    [undefined, DEFAULT_LIFE, false],
  ])('with expires_in %j lives %i seconds (a warning: %j)', async (stated, life, warned) => {
    expect(await exchanged(json({ ...whole, expires_in: stated }))).toEqual({
      ...OK,
      life,
      warned,
    });
  });

  it.each<[string, unknown, string | null, boolean]>([
    ['new, so it is stored', RT, RT, false],
    ['the same, so it is stored', REFRESH_TOKEN, REFRESH_TOKEN, false],
    ['absent, so the old one stays', undefined, null, false],
    ['empty, so the old one stays', '', null, true],
    ['null, so the old one stays', null, null, true],
    ['a number, so the old one stays', 42, null, true],
  ])('R2.2 has a refresh token that is %s', async (_which, stated, refresh, warned) => {
    const answer = json({ ...whole, refresh_token: stated });
    expect(await exchanged(answer)).toEqual({ ...OK, refresh, warned });
  });

  it('is stored before the strict parser may reject it', async () => {
    const order: string[] = [];
    const result = await exchangeAnswered(without('token_type'), {
      receive: () => {
        order.push('received');
      },
    });
    expect(order).toEqual(['received']);
    expect(result.warnings[0]).toMatch(/^the answer differs from RFC 6749 \(.*"token_type"/);
  });

  it('counts its lifetime from the request, so that a slow answer does not extend it', async () => {
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

  it('has the stated scopes and the stated lifetime of the refresh token', async () => {
    const { received } = await exchangeAnswered(
      json({ ...whole, scope: 'a  b', refresh_token_expires_in: 60 }),
      { now: () => SENT },
    );
    expect(received[0]).toMatchObject({
      scopes: ['a', 'b'],
      refreshTokenExpiry: { expiresAt: new Date(SENT.getTime() + 60_000), isStated: true },
    });
  });

  it.each([1e20, Number.MAX_VALUE, -1e20])(
    'has a storable expiry for a refresh token lifetime of %d',
    async (life) => {
      const { received } = await exchangeAnswered(
        json({ ...whole, refresh_token_expires_in: life }),
      );
      const at = received[0]?.refreshTokenExpiry.expiresAt ?? null;
      expect(at === null || Number.isFinite(at.getTime())).toBe(true);
    },
  );
});

/** Returns the grant of an exchange with the adapter oauth2, and its warnings. */
async function salvaged(answer: CannedAnswer, config: Partial<ProviderConfig> = {}) {
  const { url } = await cannedProvider(answer);
  const result = await exchangeAt(url, { provider: oauth2At(url, config), now: () => SENT });
  const [grant] = result.received;
  const { outcome, warnings, failure } = result;
  return {
    outcome,
    code: failure?.code ?? null,
    access: grant?.accessToken ?? null,
    refresh: grant?.refreshToken ?? null,
    life: grant === undefined ? null : (grant.expiresAt.getTime() - SENT.getTime()) / 1000,
    scopes: grant?.scopes ?? null,
    warnings,
  };
}

const pair = { access_token: AT, token_type: 'Bearer', expires_in: 10_800, refresh_token: RT };
const SAVED = { outcome: 'ok', code: null, access: AT, refresh: RT, life: 10_800 };
const TEXT = JSON.stringify(pair);
const ENVELOPED = (name: string) => [`the tokens are in "${name}" of the answer`];
const GZIPPED = ['the answer was compressed (gzip), although the request did not ask for it'];

describe('a complete grant in a non-standard form', () => {
  it.each<[string, CannedAnswer, string[]]>([
    [
      'a form',
      {
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: new URLSearchParams({ ...pair, expires_in: '10800' }).toString(),
      },
      ['the answer is a form, not JSON'],
    ],
    ['gzip', { headers: { 'content-encoding': 'gzip' }, body: gzipSync(TEXT) }, GZIPPED],
    ['gzip without a header', { body: gzipSync(TEXT) }, GZIPPED],
    [
      'deflate',
      { headers: { 'content-encoding': 'deflate' }, body: deflateSync(TEXT) },
      ['the answer was compressed (deflate), although the request did not ask for it'],
    ],
    [
      'deflate without its header',
      { headers: { 'content-encoding': 'deflate' }, body: deflateRawSync(TEXT) },
      ['the answer was compressed (raw deflate), although the request did not ask for it'],
    ],
    [
      'Brotli',
      { headers: { 'content-encoding': 'br' }, body: brotliCompressSync(TEXT) },
      ['the answer was compressed (br), although the request did not ask for it'],
    ],
    ['JSON that is labelled as gzip', { headers: { 'content-encoding': 'gzip' }, body: TEXT }, []],
    ['Withings’ envelope', json({ status: 0, body: { userid: '1', ...pair } }), ENVELOPED('body')],
    ['an envelope data', json({ code: 0, message: 'success', data: pair }), ENVELOPED('data')],
    ['an envelope of any name', json({ xyz: { a: 1 }, zzz: pair }), ENVELOPED('zzz')],
    ['an array of one in a member', json({ tokens: [pair] }), ENVELOPED('tokens')],
    ['JSON as text in a member', json({ body: TEXT }), ENVELOPED('body')],
    [
      'names in camel case',
      json({ accessToken: AT, refreshToken: RT, expiresIn: 10_800, token_type: 'Bearer' }),
      ['the tokens are not named access_token and refresh_token'],
    ],
    [
      'gzip of an envelope',
      { body: gzipSync(JSON.stringify({ data: pair })) },
      [...GZIPPED, ...ENVELOPED('data')],
    ],
  ])('is stored from %s', async (_form, answer, warnings) => {
    expect(await salvaged(answer)).toMatchObject({ ...SAVED, warnings });
  });

  it('is stored from the readable part of a broken gzip', async () => {
    const compressed = gzipSync(`${TEXT}${' '.repeat(2_000)}`);
    const broken = Buffer.concat([compressed.subarray(0, -8), Buffer.alloc(8)]);
    for (const body of [compressed.subarray(0, -10), broken])
      expect(await salvaged({ body })).toMatchObject({ outcome: 'ok', access: AT, refresh: RT });
  });

  it('loses the last member of a truncated form, which may be half a token', async () => {
    const form = `access_token=${encodeURIComponent(AT)}&refresh_token=${encodeURIComponent(RT)}`;
    const body = gzipSync(form.padEnd(100_000, 'x'));
    expect(await salvaged({ body }, SAFE)).toMatchObject({
      outcome: 'ok',
      access: AT,
      refresh: null,
    });
  });

  it.each<[string, object]>([
    [
      'the outermost object, although another one has both',
      {
        ...pair,
        refresh_token: undefined,
        authed_user: { access_token: 'another-user', refresh_token: 'another' },
      },
    ],
    [
      'one object, although the outermost one has a refresh token',
      { refresh_token: 'another', data: { ...pair, refresh_token: undefined } },
    ],
  ])('uses only the tokens of %s', async (_which, members) => {
    expect(await salvaged(json(members))).toMatchObject({
      ...SAVED,
      refresh: null,
      warnings: expect.arrayContaining([expect.stringMatching(/^several objects .* tokenPath$/)]),
    });
  });

  describe.each<[string, CannedAnswer]>([
    ['within JSON', { body: `{"access_token":"${AT}","token_type":"Bearer","refresh_tok` }],
    ['within a form', { body: gzipSync(`access_token=${'a'.repeat(50)}&x=`.padEnd(100_000, 'x')) }],
  ])('that ends after the access token, %s', (_where, answer) => {
    it.each<ReplayRule>([
      { kind: 'never' },
      { kind: 'within', seconds: 60 },
      { kind: 'until_successor_used' },
    ])('F13 counts as lost, because a new refresh token may be lost: %j', async (replayRule) => {
      expect(await salvaged(answer, { replayRule })).toMatchObject({
        outcome: 'unknown',
        code: 'invalid_token_response',
        access: null,
      });
    });

    it('is a grant if a refresh token may be sent twice', async () => {
      expect(await salvaged(answer, SAFE)).toMatchObject({
        outcome: 'ok',
        access: expect.any(String),
      });
    });
  });

  it('is a grant in a whole object with junk around it', async () => {
    const body = `{"access_token":"${AT}","token_type":"Bearer"}\n<!-- 12 ms -->`;
    expect(await salvaged({ body })).toMatchObject({ outcome: 'ok', access: AT });
  });

  it('uses only the tokens of one object of a truncated body', async () => {
    const body = `{"access_token":"${AT}","authed_user":{"refresh_token":"another","access_tok`;
    expect(await salvaged({ body }, SAFE)).toMatchObject({ access: AT, refresh: null });
    const nested = `{"refresh_token":"another","data":{"access_token":"${AT}","refresh_token":"${RT}","exp`;
    expect(await salvaged({ body: nested })).toMatchObject({ access: AT, refresh: RT });
  });

  it.each<[string, object, string]>([
    ['data', { data: pair }, 'data'],
    ['data.token', { data: { token: pair } }, 'data.token'],
    [
      'authed_user',
      { access_token: 'bot', refresh_token: 'bot', authed_user: pair },
      'authed_user',
    ],
  ])(
    'is read without a warning from the configured tokenPath %s',
    async (_name, members, tokenPath) => {
      expect(await salvaged(json(members), { tokenPath })).toMatchObject({
        ...SAVED,
        warnings: [],
      });
    },
  );

  it('is stored with a warning if the configured tokenPath has no tokens', async () => {
    const { warnings, ...found } = await salvaged(json(pair), { tokenPath: 'data' });
    expect(found).toMatchObject(SAVED);
    expect(warnings).toEqual([
      'the answer has no tokens at the configured tokenPath; the tokens are in its outermost object',
    ]);
  });

  it('is stored beyond every limit, with a warning', async () => {
    const long = 'x'.repeat(TOKEN_LENGTH_MAX + 1);
    const scope = Array.from({ length: SCOPES_MAX + 1 }, (_, at) => `s${at}`).join(' ');
    const found = await salvaged(json({ ...pair, refresh_token: long, scope }));
    expect(found).toMatchObject({ ...SAVED, refresh: long });
    expect(found.scopes).toHaveLength(SCOPES_MAX);
    expect(found.warnings).toHaveLength(2);
  });

  it.each<[string, unknown, ' ' | ',', string[]]>([
    ['text with spaces', 'a b', ' ', ['a', 'b']],
    ['text with commas', 'repo,user:email', ',', ['repo', 'user:email']],
    ['an array', ['a', 'b'], ' ', ['a', 'b']],
    ['an array of PostgreSQL', '{a,b}', ' ', ['a', 'b']],
  ])('has the scopes from %s', async (_form, scope, scopeSeparator, scopes) => {
    expect(await salvaged(json({ ...pair, scope }), { scopeSeparator })).toMatchObject({
      scopes,
      warnings: [],
    });
  });
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
    ['tokens that are not strings', json({ access_token: { a: 1 }, refresh_token: 7 })],
    ['tokens inherited from __proto__', { body: `{"__proto__":{"access_token":"${AT}"}}` }],
    ['another charset', { body: Buffer.from(JSON.stringify(whole), 'utf16le') }],
    ['a megabyte of nothing', { body: 'x'.repeat(1 << 20) }],
  ])('has an unknown outcome: %s', async (_what, answer) => {
    expect(await exchanged(answer)).toEqual(unusable);
  });

  it('R2.2 keeps a refresh token without an access token', async () => {
    expect(await exchanged(json({ refresh_token: RT }))).toMatchObject({
      outcome: 'unknown',
      code: 'invalid_token_response',
      access: null,
      refresh: RT,
    });
  });

  it('reports a body beyond 64 kB as too long', async () => {
    const { failure } = await exchangeAnswered({ body: 'x'.repeat(65_537) });
    expect(failure?.detail).toBe('the answer is longer than 64 kB');
  });
});
