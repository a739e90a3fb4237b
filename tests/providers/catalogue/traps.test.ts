/** Traps of real providers, each as a small invented file, and the facts of real files that are about them. */
import { dueMoments } from '../../../src/domain/account/due-times';
import { Secret } from '../../../src/domain/masking/secret';
import { pauseBeforeReplayMs } from '../../../src/domain/refresh/replay';
import {
  configuredExample,
  consentWith,
  refreshWith,
  secondsUntil,
} from '../../../src/providers/catalogue/example-exchange';
import { factGroups } from '../../../src/providers/catalogue/facts';
import { fileAdapter } from '../../../src/providers/catalogue/file-adapter';
import { readCatalogueFile } from '../../../src/providers/catalogue/read-file';
import { ConfiguredProviders } from '../../../src/providers/config/configured-providers';
import { readProvider } from '../../../src/providers/config/provider-entry';
import { authorizationUrl } from '../../../src/providers/consent/authorization-request';
import { revokeToken } from '../../../src/providers/consent/revocation';
import { conclude } from '../../../src/providers/exchange/exchange-conclusion';
import { NotSentError } from '../../../src/providers/exchange/transport';
import { adapterWith, useAdapter } from './_invented';

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
    ['matches the pattern', '^corn\\.shops\\.example$|\\.shop$', 'evil.shop'],
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

/** A real file as an entry of `providers.yaml` uses it. */
const real = (id: string) => useAdapter(fileAdapter(readCatalogueFile(id)));

/** The parameters of an authorization request, with the address that receives them. */
async function askedBy(id: string, inputs: Record<string, string> = {}) {
  const configured = configuredExample(real(id));
  const url = await authorizationUrl(
    {
      ...configured,
      externalId: null,
      inputs,
      scopes: [],
      state: 'state-1',
      verifier: configured.provider.consent?.pkce === 'refused' ? null : 'verifier-1',
      redirectUri: 'https://evergrant.example.com/connect/callback/it',
    },
    { send: () => Promise.reject(new Error('no request is expected')) },
  );
  return { place: url.origin + url.pathname, ...Object.fromEntries(url.searchParams) };
}

const OBTAINED_AT = new Date('2026-11-30T12:00:00Z');

/** Seconds from an answer to the expiry of its access token and to the moment at which the account is due. */
async function dueAfter(id: string, body: object) {
  const { provider } = configuredExample(real(id));
  const { grant } = await refreshWith(provider.adapter, { body });
  const account: any = {
    id: 'acc_1',
    current: {
      attemptId: null,
      refreshToken: null,
      obtainedAt: OBTAINED_AT.toISOString(),
      expiresAt: grant?.expiresAt.toISOString(),
      refreshTokenExpiresAt: null,
    },
    previous: null,
    lastRefreshedAt: OBTAINED_AT,
    nextAttemptAt: null,
    policy: {},
    validatedAt: null,
  };
  const { byExpiry, notBefore } = dueMoments(account, provider);
  return {
    expiry: secondsUntil(grant?.expiresAt),
    due: Math.max(secondsUntil(byExpiry) ?? 0, secondsUntil(notBefore) ?? 0),
    sweepEvery: provider.policy.sweepEveryMs / 1000,
  };
}

/** The result of a revocation that the provider answers with this body and status 200. */
async function revokedAt(id: string, body: object) {
  const { environment } = configuredExample(real(id));
  const transport = {
    send: () =>
      Promise.resolve({
        status: 200,
        headers: [],
        body: JSON.stringify(body),
        compressed: null,
        cut: null,
      }),
  };
  const token = new Secret('the-token');
  const input = { environment, externalId: 'x', token, hint: 'access_token' as const };
  return (await revokeToken(input, { transport, now: () => OBTAINED_AT })).result;
}

const renewed = { ...answer, refresh_token: 'rt-2' };
const DAY = 24 * 3600;

describe('the file of a provider with a trap', () => {
  it('Exact Online refreshes in the last 30 s of the access token, and not earlier', async () => {
    expect(await dueAfter('exactonline', { ...renewed, expires_in: 600 })).toMatchObject({
      due: 570,
    });
    const early = {
      status: 400,
      body: { error: 'x', error_description: 'access_token not expired' },
    };
    expect((await refreshWith(real('exactonline'), early)).failure?.code).toBe('too_early');
  });

  it('Sage sweeps several times in the five minutes of an access token', async () => {
    const { expires_in: _, ...silent } = renewed;
    const { expiry, due, sweepEvery } = await dueAfter('sage', silent);
    expect(expiry).toBe(300);
    expect(due).toBe(180);
    expect(due + 2 * sweepEvery).toBeLessThanOrEqual(300);
  });

  it.each([
    { id: 'linkedin', idle: 365, absolute: 365, parameters: {} },
    { id: 'quickbooks', idle: 100, absolute: 1825, parameters: { realmId: '1' } },
  ])('$id counts $idle days from the last use and $absolute from the consent', async (trap) => {
    const { id, idle, absolute, parameters } = trap;
    const callback = { code: 'code-1', ...parameters };
    const consent = await consentWith(real(id), callback, { body: { ...renewed, id_token: 'x' } });
    const refresh = await refreshWith(real(id), { body: renewed });
    for (const { grant } of [consent, refresh]) {
      expect(secondsUntil(grant?.refreshTokenExpiry.expiresAt)).toBe(idle * DAY);
      expect(secondsUntil(grant?.refreshTokenEndsAt)).toBe(absolute * DAY);
    }
  });

  it('Mailchimp gives a token that never expires, although its answer says 0', async () => {
    const body = { access_token: 'at-1', expires_in: 0, scope: null };
    const adapter = real('mailchimp');
    const { outcome } = await consentWith(adapter, { code: 'code-1' }, { body });
    expect(outcome).toMatchObject({ kind: 'granted' });
    expect(adapter).toMatchObject({
      nonExpiringTokens: true,
      consent: { refreshTokenExpected: false },
    });
  });

  it.each([
    ['meta', 'fb_exchange_token', { grant_type: 'fb_exchange_token', client_id: 'client-id' }],
    ['instagram', 'access_token', { grant_type: 'ig_refresh_token' }],
  ])('%s exchanges the living access token a week early', async (id, name, parameters) => {
    const { request, grant } = await refreshWith(real(id), { body: answer });
    expect(request).toMatchObject({ method: 'GET' });
    const query = Object.fromEntries(new URL(request?.url ?? '').searchParams);
    expect(query).toMatchObject({ ...parameters, [name]: 'example-refresh-token' });
    expect('client_id' in query).toBe('client_id' in parameters);
    expect(grant?.refreshToken?.reveal()).toBe('at-1');
    const { due } = await dueAfter(id, { ...answer, expires_in: 60 * DAY });
    expect(due).toBe(53 * DAY);
  });

  it('Instagram exchanges no token that is younger than a day', async () => {
    const { provider } = configuredExample(real('instagram'));
    expect(provider.policy.notBeforeMs).toBe(59 * DAY * 1000);
  });

  it('Airtable stores the new refresh token, and never sends the old one twice while its access token lives', async () => {
    const { provider } = configuredExample(real('airtable'));
    const { grant } = await refreshWith(real('airtable'), {
      body: { ...renewed, token_type: 'Bearer ' },
    });
    expect(grant?.refreshToken?.reveal()).toBe('rt-2');
    expect(secondsUntil(grant?.refreshTokenExpiry.expiresAt)).toBe(60 * DAY);
    const life = {
      obtainedAt: OBTAINED_AT.toISOString(),
      expiresAt: new Date(OBTAINED_AT.getTime() + 60 * MINUTE).toISOString(),
      refreshTokenExpiresAt: null,
    };
    expect(pauseBeforeReplayMs(provider.replayRule, OBTAINED_AT, life, OBTAINED_AT)).toBe(
      59 * MINUTE,
    );
    expect(real('airtable').file?.rotation).toBe('always');
  });

  it('Google asks for offline access and a new consent, and keeps its refresh token', async () => {
    expect(await askedBy('google')).toMatchObject({
      place: 'https://accounts.google.com/o/oauth2/v2/auth',
      access_type: 'offline',
      prompt: 'consent',
    });
    const { grant } = await refreshWith(real('google'), { body: answer });
    expect(grant?.refreshToken).toBeNull();
  });

  it.each([
    ['zoho', { access_type: 'offline', prompt: 'consent' }],
    ['dropbox', { token_access_type: 'offline' }],
    ['reddit', { duration: 'permanent' }],
    ['microsoft', { scope: expect.stringContaining('offline_access') as string }],
    ['x', { scope: expect.stringContaining('offline.access') as string }],
  ])('%s asks for a refresh token in its own words', async (id, parameters) => {
    expect(await askedBy(id)).toMatchObject(parameters);
  });

  it('Shopify asks for a token that expires, at the shop of the account', async () => {
    const externalId = 'acme.myshopify.com';
    const callback = { code: 'code-1', shop: externalId };
    const { sent, outcome } = await consentWith(
      real('shopify'),
      callback,
      { body: renewed },
      { externalId },
    );
    expect(outcome).toMatchObject({ kind: 'granted' });
    expect(sent[0]?.url).toBe('https://acme.myshopify.com/admin/oauth/access_token');
    expect(new URLSearchParams(sent[0]?.body).get('expiring')).toBe('1');
  });

  it('TikTok names the client client_key in each request', async () => {
    const asked = await askedBy('tiktok');
    expect(asked).toMatchObject({ client_key: 'client-id' });
    expect(asked).not.toHaveProperty('client_id');
    expect(asked).not.toHaveProperty('code_challenge');
    const { request } = await refreshWith(real('tiktok'), { body: renewed });
    const form = Object.fromEntries(new URLSearchParams(request?.body));
    expect(form).toMatchObject({ client_key: 'client-id' });
    expect(form).not.toHaveProperty('client_id');
    expect(await revokedAt('tiktok', { error: 'invalid_request' })).toBe('refused');
  });

  it('Slack refuses a refresh and a revocation with status 200', async () => {
    const refused = { body: { ok: false, error: 'invalid_refresh_token' } };
    expect((await refreshWith(real('slack'), refused)).failure).toMatchObject({
      code: 'invalid_grant',
      status: 200,
    });
    expect(await revokedAt('slack', { ok: false, error: 'missing_scope' })).toBe('refused');
    expect(await revokedAt('slack', { ok: false, error: 'ratelimited' })).toBe('unknown');
    expect(await revokedAt('slack', { ok: false, error: 'token_revoked' })).toBe('revoked');
    expect(await revokedAt('slack', { ok: true, revoked: true })).toBe('revoked');
  });

  it('Slack gives the tokens of the bot, not those of the person', async () => {
    const authed = { access_token: 'user-at', refresh_token: 'user-rt', token_type: 'user' };
    const { grant } = await refreshWith(real('slack'), {
      body: { ...renewed, ok: true, token_type: 'bot', authed_user: authed },
    });
    expect(grant?.accessToken?.reveal()).toBe('at-1');
    expect(grant?.refreshToken?.reveal()).toBe('rt-2');
  });

  it.each([
    ['google', '100 refresh tokens per Google account and client', /silently invalidates/],
    ['zoho', '20 refresh tokens for one app', /deletes the first one/],
  ])('%s names how many grants end an older one: %s', (id, count, effect) => {
    // People read it on the page of the provider, because no answer says that an older grant has ended.
    const shown = factGroups(readCatalogueFile(id)).flatMap(({ facts }) => facts);
    const { value } = shown.find(({ field }) => field === 'limits.grants') ?? {};
    expect(value).toContain(count);
    expect(value).toMatch(effect);
  });

  it.each(['linkedin', 'tiktok'])('%s is one of few that get no PKCE challenge', async (id) => {
    expect(await askedBy(id)).not.toHaveProperty('code_challenge');
  });
});
