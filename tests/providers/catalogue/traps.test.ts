/** Traps of real providers, each as a small invented file. */
import {
  configuredExample,
  consentWith,
  refreshWith,
  secondsUntil,
} from '../../../src/providers/catalogue/example-exchange';
import { ConfiguredProviders } from '../../../src/providers/config/configured-providers';
import { readProvider } from '../../../src/providers/config/provider-entry';
import { conclude } from '../../../src/providers/exchange/exchange-conclusion';
import { NotSentError } from '../../../src/providers/exchange/transport';
import { adapterWith } from './_invented';

jest.mock(
  '../../../src/providers/adapters/registry',
  () => jest.requireActual<{ registry: object }>('./_invented').registry,
);

const MINUTE = 60_000;

function policyOf(members: object, entry: object = {}, refreshIntervalMs: number | null = null) {
  adapterWith(members);
  const problems: string[] = [];
  const own = { adapter: 'invented', clientId: 'a', clientSecret: 'b', ...entry };
  const config = readProvider('it', own, refreshIntervalMs, problems);
  return { policy: config?.policy, problems };
}

const answer = { access_token: 'at-1', token_type: 'bearer', expires_in: 3600 };

describe('a provider that refuses a refresh before the last 30 s', () => {
  it('gives its limit to the policy, which takes precedence over margins', () => {
    const { policy } = policyOf({ lives: { access: '10m' }, notBefore: '30s' });
    expect(policy).toMatchObject({ notBeforeMs: 30_000, refreshBeforeMs: 4 * MINUTE });
  });
});

describe('access tokens that live as long as a usual sweep interval', () => {
  const short = { lives: { access: '5m' } };
  it('are swept and refreshed in time by default, and with a longer interval for all providers', () => {
    for (const refreshIntervalMs of [null, 30 * MINUTE]) {
      const { policy } = policyOf(short, {}, refreshIntervalMs);
      expect(policy?.sweepEveryMs).toBeLessThanOrEqual(75_000);
      expect(policy?.refreshBeforeMs).toBe(2 * MINUTE);
    }
  });
  it('are not accepted with a sweep interval that would miss them', () => {
    expect(policyOf(short, { sweepEvery: '5m' }).problems).toEqual([
      expect.stringContaining('.sweepEvery: is too long for the access tokens of Invented'),
    ]);
  });
});

describe('the two clocks of a refresh token', () => {
  it.each([
    ['always', { absolute: '365d', idle: '100d' }, 100],
    ['never', { absolute: '365d', idle: '100d' }, 365],
    ['never', { idle: '100d' }, null],
  ])('with rotation %s, %j give a new token %p days', (rotation, refresh, days) => {
    const { refreshTokenLifeSeconds } = adapterWith({ rotation, lives: { access: '1h', refresh } });
    expect(refreshTokenLifeSeconds).toBe(days === null ? null : days * 24 * 3600);
  });
  it('are apart in answers, so that the end that counts from the consent outlives rotations', async () => {
    const adapter = adapterWith({
      rotation: 'always',
      lives: { access: '1h', refresh: { absolute: '365d', idle: '100d' } },
    });
    const body = { ...answer, refresh_token: 'rt-2' };
    for (const { grant } of [
      await consentWith(adapter, { code: 'code-1' }, { body }),
      await refreshWith(adapter, { body }),
    ]) {
      expect(secondsUntil(grant?.refreshTokenExpiry.expiresAt)).toBe(100 * 24 * 3600);
      expect(secondsUntil(grant?.refreshTokenEndsAt)).toBe(365 * 24 * 3600);
    }
  });
  it('do not count if an entry states the lifetime of a new token', async () => {
    const adapter = adapterWith({
      rotation: 'always',
      lives: { access: '1h', refresh: { absolute: '365d', idle: '100d' } },
    });
    const body = { ...answer, refresh_token: 'rt-2' };
    const { grant } = await refreshWith(adapter, { body }, { entry: { refreshTokenLife: '500d' } });
    expect(secondsUntil(grant?.refreshTokenExpiry.expiresAt)).toBe(500 * 24 * 3600);
    expect(grant?.refreshTokenEndsAt).toBeUndefined();
  });
});

describe('the audience of signed assertions', () => {
  const grants = { jwt_bearer: { audience: 'as.example.com' } };
  const sources = { token: 'https://docs.example.com', grants: 'https://docs.example.com' };
  const audienceWith = (entry: object) => {
    const { environment } = configuredExample(adapterWith({ grants, sources }), entry);
    return environment.grants.jwt_bearer?.audience;
  };

  it('is that of the file at the token endpoint of the file', () => {
    expect(audienceWith({})).toBe('as.example.com');
    expect(audienceWith({ tokenEndpoint: 'https://as.example.com/token' })).toBe('as.example.com');
  });
  it('is the token endpoint of an entry that names another one', () => {
    expect(audienceWith({ tokenEndpoint: 'https://other.example.com/token' })).toBeUndefined();
  });
});

it('stores an access token with expires_in 0 as one that does not expire', async () => {
  const adapter = adapterWith({ renewal: 'none', lives: { access: 'endless' } });
  const { outcome, grant } = await consentWith(
    adapter,
    { code: 'code-1' },
    { body: { ...answer, expires_in: 0 } },
  );
  expect(outcome).toMatchObject({ kind: 'granted' });
  // `sealConsent` stores such a grant without an expiry.
  expect({ ...adapter, refreshToken: grant?.refreshToken }).toMatchObject({
    nonExpiringTokens: true,
    refreshToken: null,
    consent: { refreshTokenExpected: false },
  });
});

it('reads an error with status 200 as a refusal', async () => {
  const adapter = adapterWith({
    answer: { success: { path: 'code', equals: 0 } },
    errors: { path: 'meta.kind', codes: { token_dead: 'invalid_grant' } },
  });
  const refused = { body: { code: 7, meta: { kind: 'token_dead' }, access_token: 'x' } };
  const { failure, grant } = await refreshWith(adapter, refused);
  expect(failure).toMatchObject({ code: 'invalid_grant', status: 200 });
  expect(grant).toBeUndefined();
  expect(await refreshWith(adapter, { body: { ...answer, code: 0 } })).toMatchObject({
    failure: null,
  });
});

it('takes the token pair that the file names, and never mixes two', async () => {
  const adapter = adapterWith({ answer: { tokens: 'authed_user' } });
  const user = { ...answer, access_token: 'user-at', refresh_token: 'user-rt' };
  const body = { ...answer, refresh_token: 'bot-rt', authed_user: user };
  const { grant } = await refreshWith(adapter, { body });
  expect(grant?.accessToken?.reveal()).toBe('user-at');
  expect(grant?.refreshToken?.reveal()).toBe('user-rt');
});

it('renews by the living access token, which a GET carries and no log shows', async () => {
  const adapter = adapterWith({
    renewal: 'access_token',
    lives: { access: '60d' },
    token: {
      url: 'https://as.example.com/token',
      clientAuthentication: ['client_secret_post'],
      body: 'query',
      method: 'GET',
      rename: { refresh_token: 'fb_exchange_token' },
      refreshParameters: { grant_type: 'fb_exchange_token' },
    },
  });
  const { request, grant, shown } = await refreshWith(adapter, { body: answer });
  const { searchParams } = new URL(request?.url ?? '');
  expect(request).toMatchObject({ method: 'GET' });
  expect(request?.body).toBeUndefined();
  expect(Object.fromEntries(searchParams)).toMatchObject({
    grant_type: 'fb_exchange_token',
    fb_exchange_token: 'example-refresh-token',
  });
  expect(grant?.refreshToken?.reveal()).toBe('at-1');
  expect(secondsUntil(grant?.refreshTokenExpiry.expiresAt)).toBe(3600);
  const { expires_in: _, ...silent } = answer;
  const { grant: unstated } = await refreshWith(adapter, { body: silent });
  expect(secondsUntil(unstated?.refreshTokenExpiry.expiresAt)).toBe(60 * 24 * 3600);
  expect(shown).not.toMatch(/example-refresh-token|client-secret|"at-1"/);
});

describe('an answer with the tokens of two grants', () => {
  const places = { accessToken: 'user.access_token', refreshToken: 'user.refresh_token' };
  const ofBot = { access_token: 'at-bot', refresh_token: 'rt-bot', token_type: 'bearer' };
  it.each([
    [{ access_token: 'at-1', refresh_token: 'rt-2' }, 'at-1', 'rt-2'],
    [{ access_token: 'at-1' }, 'at-1', undefined],
    [{ refresh_token: 'rt-2' }, undefined, 'rt-2'],
    [undefined, 'at-bot', 'rt-bot'],
  ])('gives no token of the other grant with %j', async (user, accessToken, refreshToken) => {
    const adapter = adapterWith({ answer: places });
    const { grant } = await refreshWith(adapter, { body: { ...ofBot, user } });
    expect(grant?.accessToken?.reveal()).toBe(accessToken);
    expect(grant?.refreshToken?.reveal()).toBe(refreshToken);
  });
});

describe('hosts that a callback or an entry names', () => {
  const shop = {
    label: 'Shop',
    pattern: '^[a-z0-9]+\\.shops\\.example$',
    example: 'acme.shops.example',
    host: true,
    externalId: true,
  };
  const token = { url: 'https://{shop}/token', clientAuthentication: ['client_secret_post'] };

  it('are used only if the pattern of the file matches', async () => {
    const adapter = adapterWith({ inputs: { shop }, token });
    const sent = await refreshWith(adapter, { body: answer }, { externalId: 'acme.shops.example' });
    expect(sent.request?.url).toBe('https://acme.shops.example/token');
    for (const externalId of [
      'evil.example',
      'acme.shops.example.evil.example',
      'a@shops.example',
    ]) {
      const refused = await refreshWith(adapter, { body: answer }, { externalId });
      expect(refused.failure?.code).toBe('account_address_invalid');
      expect(refused.sent).toEqual([]);
    }
  });

  it('replace each place of the input in a URL, and need no other host', async () => {
    const twice = { ...token, url: 'https://{shop}/{shop}/token' };
    const adapter = adapterWith({ inputs: { shop }, token: twice });
    const sent = await refreshWith(adapter, { body: answer }, { externalId: 'acme.shops.example' });
    expect(sent.request?.url).toBe('https://acme.shops.example/acme.shops.example/token');
    const other = { ...token, url: 'https://{shop|a.shops.example}/token' };
    expect(() => adapterWith({ inputs: { shop }, token: other })).toThrow(/write \{shop\} without/);
  });

  it('refuse a callback whose value does not match its pattern, before the code is sent', async () => {
    const keep = { server: { pattern: '^https://accounts\\.example\\.(com|eu)$' } };
    const adapter = adapterWith({
      authorization: { url: 'https://as.example.com/authorize', keep },
    });
    const callback = { code: 'code-1', server: 'https://accounts.evil.example' };
    const { outcome, sent } = await consentWith(adapter, callback, { body: answer });
    expect(outcome).toMatchObject({ kind: 'failed', failure: 'provider_refused' });
    expect(sent).toEqual([]);
  });

  it.each(['^[a-z.]+$', '^.+\\.shops\\.example$', '^[^.]+\\.shops\\.example$'])(
    'are not accepted with the pattern %s, which matches other hosts',
    (pattern) => {
      const wide = { ...shop, pattern };
      expect(() => adapterWith({ inputs: { shop: wide }, token })).toThrow(/accepts another host/);
    },
  );

  it.each([
    [
      'matches the pattern',
      '^corn\\.shops\\.example$|a\\.shops\\.example$',
      'evil/a.shops.example',
    ],
    ['is another host', '^[^e]+\\.shops\\.example$', '2130706433/a.shops.example'],
  ])('are not used if a part of the value %s', async (_title, pattern, externalId) => {
    const inputs = { shop: { ...shop, pattern, example: 'corn.shops.example' } };
    const adapter = adapterWith({ inputs, token });
    const { failure, sent } = await refreshWith(adapter, { body: answer }, { externalId });
    expect(failure?.code).toBe('account_address_invalid');
    expect(sent).toEqual([]);
  });
});

describe('a provider that wants redirect_uri again at a refresh', () => {
  const token = {
    url: 'https://as.example.com/token',
    clientAuthentication: ['client_secret_post'],
    redirectUriAtRefresh: true,
  };
  const sentWith = async (entry: object) => {
    const adapter = adapterWith({ token });
    const { request } = await refreshWith(adapter, { body: answer }, { entry });
    return new URLSearchParams(request?.body).get('redirect_uri');
  };

  it('gets the configured one, else the callback URL', async () => {
    expect(await sentWith({ redirectUri: 'https://app.example.com/back' })).toBe(
      'https://app.example.com/back',
    );
    expect(await sentWith({})).toBe('https://evergrant.example.com/connect/callback/it');
    const parameters = { redirect_uri: 'https://old.example.com/back' };
    expect(await sentWith({ parameters })).toBe('https://old.example.com/back');
  });

  it('refuses an entry for which neither is known, in one sentence', () => {
    expect(policyOf({ token }).problems).toEqual([
      expect.stringMatching(/^providers\.it: Invented requires the redirect URI .* set PUBLIC_URL/),
    ]);
  });

  it('gets none if the file does not say so', async () => {
    const { request } = await refreshWith(adapterWith({}), { body: answer });
    expect(new URLSearchParams(request?.body).has('redirect_uri')).toBe(false);
  });
});

it('sends the secret as the user name of Basic, with an empty password and without the client id', async () => {
  const token = {
    url: 'https://as.example.com/token',
    clientAuthentication: ['client_secret_basic'],
    basic: 'secret_only',
  };
  const { request, shown } = await refreshWith(adapterWith({ token }), { body: answer });
  const header = request?.headers['authorization'] ?? '';
  expect(Buffer.from(header.replace('Basic ', ''), 'base64').toString()).toBe('client-secret:');
  expect(request?.body).not.toContain('client');
  expect(shown).not.toContain(header.replace('Basic ', ''));
});

describe('scopes whose separator differs between requests and answers', () => {
  const file = {
    authorization: { url: 'https://as.example.com/authorize', scopes: { separator: ',' } },
    answer: { scopeSeparator: ' ' },
  };
  const scopesWith = async (entry: object) => {
    const body = { ...answer, scope: 'read write,all' };
    return (await refreshWith(adapterWith(file), { body }, { entry })).grant?.scopes;
  };

  it('are read by that of answers', async () => {
    expect(await scopesWith({})).toEqual(['read', 'write,all']);
  });

  it('are read by a configured one, which applies to both', async () => {
    expect(await scopesWith({ scopeSeparator: ',' })).toEqual(['read write', 'all']);
  });
});

describe('a file', () => {
  it.each([
    ['without examples', { examples: undefined }, /examples/],
    ['with a fact without a source', { unknown: [] }, /lives\.access: has no source/],
    [
      'with a subject from an unsigned callback',
      { identity: { from: 'callback', parameter: 'realmId' } },
      /verify/,
    ],
    [
      'with a margin beyond half of the life',
      { policy: { refreshBefore: '40m' } },
      /less than half/,
    ],
    [
      'with http',
      { token: { url: 'http://as.example.com', clientAuthentication: ['none'] } },
      /https/,
    ],
  ])('%s is not valid', (_name, members, problem) => {
    expect(() => adapterWith(members)).toThrow(problem);
  });

  it('accepts overrides of its settings', () => {
    adapterWith({});
    const problems: string[] = [];
    const own = {
      clientId: 'a',
      clientSecret: 'b',
      adapter: 'invented',
      tokenPath: 'data',
      replay: 'safe',
    };
    const config = readProvider('it', own, null, problems);
    expect(problems).toEqual([]);
    const provider = config === null ? undefined : new ConfiguredProviders([config]).find('it');
    expect(provider).toMatchObject({ tokenPath: 'data', replayRule: { kind: 'safe' } });
  });
});

describe('a request that cannot be built', () => {
  const unsent = { outcome: 'not_sent', failure: { code: 'request_not_built', class: 'ours' } };

  it('is no outage of the provider, and names no value', async () => {
    const broken = {
      ...adapterWith({}),
      shapeRequest: () => {
        throw new TypeError('planted-secret');
      },
    };
    const refreshed = await refreshWith(broken, { body: answer });
    expect(refreshed).toMatchObject(unsent);
    expect(refreshed.sent).toEqual([]);
    expect(refreshed.shown).not.toContain('planted-secret');
  });

  it.each([
    ['ERR_INVALID_CHAR', unsent],
    ['ECONNREFUSED', { outcome: 'not_sent', failure: { code: 'provider_unreachable' } }],
  ])('differs from an unreachable provider by the code %s of Node', (code, expected) => {
    const conclusion = conclude({
      verdict: new NotSentError(code),
      answer: undefined,
      salvaged: null,
      oddities: [],
      provider: configuredExample(adapterWith({})).provider,
      secrets: [],
      now: new Date(),
    });
    expect(conclusion).toMatchObject(expected);
  });
});
