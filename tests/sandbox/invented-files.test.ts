/** Forms of provider files that few providers have, each as an invented file that adapter and dialect must read alike. */
import { fileAdapter } from '../../src/providers/catalogue/file-adapter';
import type { ProviderFile } from '../../src/providers/catalogue/provider-file';
import { stopProviders } from '../providers/_provider';
import { inventedFile, useAdapter } from '../providers/catalogue/_invented';
import { consent, providerAt, refresh, revoke, validate } from './_file-round-trip';
import { sandboxForTest, stopSandboxes } from './_token-client';

jest.mock(
  '../../src/providers/adapters/registry',
  () => jest.requireActual<{ registry: object }>('../providers/catalogue/_invented').registry,
);

afterEach(async () => {
  await stopProviders();
  await stopSandboxes();
});

const MINUTE_MS = 60_000;

async function sandboxOf(members: object) {
  const file = inventedFile(members);
  useAdapter(fileAdapter(file));
  const clock = { nowMs: Date.now() };
  const sandbox = await sandboxForTest({ files: [file], now: () => new Date(clock.nowMs) });
  return { file, sandbox, clock, at: providerAt(sandbox, 'invented') };
}

async function granted(at: ReturnType<typeof providerAt>, file: ProviderFile, subject = '48213') {
  const { url, callback, outcome } = await consent(at, file, subject);
  if (outcome.kind !== 'granted') throw new Error(`${outcome.failure}: ${outcome.detail}`);
  expect(outcome.warnings).toEqual([]);
  const { accessToken, refreshToken, expiresAt } = outcome.grant;
  return {
    url,
    callback,
    outcome,
    accessToken: accessToken?.reveal() ?? '',
    refreshToken: refreshToken?.reveal() ?? null,
    minutes: Math.round((expiresAt.getTime() - Date.now()) / MINUTE_MS),
  };
}

type TokenForm = ProviderFile['token'];
const TOKEN = { url: 'https://as.example.com/token', clientAuthentication: ['client_secret_post'] };
const EXAMPLE = { accessToken: 'at-example-1', refreshToken: 'rt-example-1', expiresIn: 3600 };
const BODY = {
  access_token: 'at-example-1',
  refresh_token: 'rt-example-1',
  token_type: 'bearer',
  expires_in: 3600,
};
const REQUEST = {
  refreshToken: 'rt-example-0',
  request: { url: 'https://as.example.com/token', form: {}, query: {}, json: {} },
};
const examples = (own: object) => ({
  examples: {
    refresh: REQUEST,
    answers: [{ body: BODY, ...EXAMPLE }],
    refusals: [{ status: 400, body: { error: 'invalid_grant' }, means: 'invalid_grant' }],
    callbacks: [{ parameters: { code: 'example' }, accepted: true }],
    ...own,
  },
});

const BASIC = { clientAuthentication: ['client_secret_basic' as const] };
const POST = { clientAuthentication: ['client_secret_post' as const] };

it.each<[name: string, own: Partial<TokenForm>, otherwise: Partial<TokenForm>]>([
  ['a form', { body: 'form' }, { body: 'json' }],
  ['JSON', { body: 'json' }, { body: 'form' }],
  ['a query', { body: 'query', method: 'GET' }, { body: 'form', method: 'POST' }],
  ['form-encoded Basic', { ...BASIC, basic: 'form' }, POST],
  ['plain Basic', { ...BASIC, basic: 'plain' }, POST],
  ['other names', { rename: { client_id: 'app_id', refresh_token: 'token' } }, { rename: {} }],
  [
    'another grant type',
    { refreshParameters: { grant_type: 'renew', mode: 'long' } },
    { refreshParameters: { grant_type: 'renew' } },
  ],
  ['no grant type', { refreshParameters: { grant_type: '' } }, { refreshParameters: {} }],
  ['an extra header', { headers: { 'x-version': '2' } }, { headers: {} }],
  ['another URL', { refreshUrl: 'https://as.example.com/renew' }, {}],
])('a refresh as %s is understood, and no other one', async (_name, own, otherwise) => {
  const { at, file, sandbox } = await sandboxOf({
    ...examples({}),
    token: { ...TOKEN, ...own },
    rotation: 'never',
  });
  const { refreshToken } = await granted(at, file);
  const first = await refresh(at, file, refreshToken ?? '');
  expect(first).toMatchObject({ outcome: 'ok', warnings: [] });
  useAdapter(fileAdapter({ ...file, token: { ...file.token, ...otherwise } }));
  const elsewhere = providerAt(sandbox, 'invented', { refreshEndpoint: undefined });
  const other = await refresh(elsewhere, file, refreshToken ?? '');
  expect(other.failure).not.toBeNull();
});

it('names the code and the kept parameters as the file does', async () => {
  const { at, file } = await sandboxOf({
    ...examples({ callbacks: [{ parameters: { auth: 'x', realm: '42' }, accepted: true }] }),
    authorization: {
      url: 'https://as.example.com/authorize',
      rename: { client_id: 'app_id' },
      code: 'auth',
      keep: { realm: { pattern: '^\\d+$', required: true } },
    },
  });
  const { url, callback } = await granted(at, file);
  expect(url.searchParams.has('app_id')).toBe(true);
  expect(callback.get('realm')).toBe('42');
  expect(callback.has('auth') && !callback.has('code')).toBe(true);
});

it.each([
  ['milliseconds', { unit: 'ms' }, { ...BODY, expires_in: 3_600_000 }, 60],
  ['a time', {}, { ...BODY, expires_in: undefined, expires_at: '2026-11-30T13:00:00Z' }, 60],
  ['a Unix time', {}, { ...BODY, expires_in: undefined, expires_at: 1_796_043_600 }, 60],
  ['text', {}, { ...BODY, expires_in: '3600' }, 60],
])('states lifetimes as the example does: %s', async (_name, answer, body, minutes) => {
  const { at, file } = await sandboxOf({
    ...examples({ answers: [{ body, ...EXAMPLE }] }),
    answer,
  });
  expect(await granted(at, file)).toMatchObject({ minutes });
});

it('puts the tokens where the file names them, with the subject and the kept members beside them', async () => {
  const body = {
    code: 0,
    shop: 'kept',
    data: { at: 'at-example-1', rt: 'rt-example-1', ttl: 3600, uid: 7 },
  };
  const { at, file } = await sandboxOf({
    ...examples({ answers: [{ of: 'code', body, ...EXAMPLE }] }),
    answer: {
      success: { path: 'code', equals: 0 },
      accessToken: 'data.at',
      refreshToken: 'data.rt',
      expiresIn: 'data.ttl',
      omitsTokenType: true,
      keep: ['shop'],
    },
    identity: { from: 'answer', subject: 'data.uid' },
  });
  const { outcome, refreshToken } = await granted(at, file);
  expect(outcome.subject?.value).toBe('48213');
  expect(await refresh(at, file, refreshToken ?? '')).toMatchObject({
    outcome: 'ok',
    failure: null,
  });
});

it('renews by the living access token, and not after its expiry', async () => {
  const { at, file, clock } = await sandboxOf({
    ...examples({
      answers: [{ body: { ...BODY, refresh_token: undefined }, ...EXAMPLE, refreshToken: null }],
    }),
    renewal: 'access_token',
  });
  const { accessToken, refreshToken } = await granted(at, file);
  const renewed = await refresh(at, file, refreshToken ?? accessToken);
  expect(renewed).toMatchObject({ outcome: 'ok', failure: null });
  clock.nowMs += 61 * MINUTE_MS;
  const late = await refresh(at, file, renewed.received[0]?.accessToken ?? '');
  expect(late.failure?.code).toBe('invalid_grant');
});

it('refuses a refresh before the time that the file names', async () => {
  const { at, file, clock } = await sandboxOf({
    ...examples({
      refusals: [{ status: 400, body: { error: 'not_yet' }, means: 'too_early' }],
    }),
    notBefore: '30s',
    lives: { access: '10m' },
    errors: { codes: { not_yet: 'too_early' } },
  });
  const { refreshToken } = await granted(at, file);
  const early = await refresh(at, file, refreshToken ?? '');
  expect(early.failure?.code).toBe('too_early');
  clock.nowMs += 9.75 * MINUTE_MS;
  expect((await refresh(at, file, refreshToken ?? '')).outcome).toBe('ok');
});

describe('a refresh token that was used', () => {
  const used = async (members: object) => {
    const { at, file, clock } = await sandboxOf({
      ...examples({}),
      rotation: 'always',
      ...members,
    });
    const { refreshToken } = await granted(at, file);
    const use = async () => {
      const { outcome, received } = await refresh(at, file, refreshToken ?? '');
      return { outcome, next: received[0]?.refreshToken };
    };
    return { first: await use(), use, clock };
  };

  it('is refused at once if a replay is never accepted', async () => {
    const { use } = await used({ replay: 'never' });
    expect((await use()).outcome).toBe('rejected');
  });

  it('gets the same answer for as long as the file names', async () => {
    const { first, use, clock } = await used({ replay: '10m' });
    expect(await use()).toEqual(first);
    clock.nowMs += 11 * MINUTE_MS;
    expect((await use()).outcome).toBe('rejected');
  });

  it('gets another refresh token each time if a replay is safe', async () => {
    const { first, use } = await used({ replay: 'safe' });
    const second = await use();
    expect(second.outcome).toBe('ok');
    expect(second.next).not.toBe(first.next);
  });
});

it('ends a grant at its absolute limit, however often it is used', async () => {
  const { at, file, clock } = await sandboxOf({
    ...examples({}),
    rotation: 'never',
    lives: { access: '1h', refresh: { absolute: '3d', idle: '2d' } },
  });
  const { refreshToken } = await granted(at, file);
  const outcomes: string[] = [];
  for (let day = 1; day <= 3; day += 1) {
    clock.nowMs += 24 * 60 * MINUTE_MS;
    outcomes.push((await refresh(at, file, refreshToken ?? '')).outcome);
  }
  expect(outcomes).toEqual(['ok', 'ok', 'rejected']);
});

it('two dialects of one sandbox share no token, code or person', async () => {
  const { at, file, sandbox } = await sandboxOf({
    ...examples({}),
    validation: { url: 'https://api.example.com/me' },
    revocation: { url: 'https://as.example.com/revoke', effect: 'It ends the grant.' },
    identity: { from: 'request', url: 'https://api.example.com/me', subject: 'id' },
  });
  const { accessToken, refreshToken } = await granted(at, file, 'invented-person');
  const foreign = sandbox.issueGrant({ provider: 'google', subject: 'google-person' });
  expect((await refresh(at, file, foreign.refresh_token)).failure?.code).toBe('invalid_grant');
  expect((await validate(at, file, foreign.access_token)).verdict).toBe('invalid');
  await revoke(at, foreign.access_token);
  expect(sandbox.isAccessTokenActive(foreign.access_token)).toBe(true);
  const google = await fetch(sandbox.endpoints('google').tokenEndpoint, {
    method: 'POST',
    body: new URLSearchParams({ grant_type: 'refresh_token', refresh_token: refreshToken ?? '' }),
  });
  expect(google.status).toBeGreaterThanOrEqual(400);
  expect((await validate(at, file, accessToken)).verdict).toBe('valid');
  const { url } = await consent(at, file, 'invented-person');
  expect(await (await fetch(url)).text()).not.toContain('google-person');
});
