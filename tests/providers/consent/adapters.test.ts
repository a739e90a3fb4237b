/** Each adapter's authorization URL, callback, code exchange and subject, with the provider's documented requests. */
import { createHmac } from 'node:crypto';
import { Secret } from '../../../src/domain/masking/secret';
import { adapterIds, findAdapter } from '../../../src/providers/adapters/registry';
import {
  answering,
  authorizationInput,
  CLIENT_SECRET,
  exchangeInput,
  REDIRECT_URI,
  STATE,
  target,
} from './_provider';

const TOKENS = {
  access_token: 'at-0123456789abcdefghij',
  refresh_token: 'rt-0123456789abcdefghij',
  token_type: 'Bearer',
  expires_in: 3600,
};

async function urlOf(id: string, lines: string[] = [], input: object = {}) {
  const { client } = answering();
  const url = await client.authorizationUrl({ ...authorizationInput(target(id, lines)), ...input });
  return { place: `${url.origin}${url.pathname}`, ...Object.fromEntries(url.searchParams) };
}

const idToken = (claims: object) =>
  [{ alg: 'RS256' }, { iat: seconds(), exp: seconds() + 300, aud: 'app-1', ...claims }, 'signature']
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.');
const seconds = () => Math.floor(Date.now() / 1000);

describe('the authorization URL', () => {
  it('names the RuName at eBay as its redirect URI', async () => {
    expect(await urlOf('ebay', ['redirectUri: Acme-Acme-PRD-abc-def'])).toMatchObject({
      place: 'https://auth.ebay.com/oauth2/authorize',
      redirect_uri: 'Acme-Acme-PRD-abc-def',
      response_type: 'code',
      client_id: 'app-1',
      state: STATE,
      code_challenge_method: 'S256',
      scope: expect.stringContaining('commerce.identity.readonly') as string,
    });
  });

  it('carries a PKCE challenge at Etsy, and never the verifier', async () => {
    const url = await urlOf('etsy');
    expect(url).toMatchObject({
      place: 'https://www.etsy.com/oauth/connect',
      redirect_uri: REDIRECT_URI,
      code_challenge: expect.stringMatching(/^[\w-]{43}$/) as string,
    });
    expect(JSON.stringify(url)).not.toContain('verifier');
  });

  it('leads to the shop’s own host at Shopify, with commas between scopes', async () => {
    expect(await urlOf('shopify', [], { inputs: { shop: 'acme.myshopify.com' } })).toMatchObject({
      place: 'https://acme.myshopify.com/admin/oauth/authorize',
      scope: 'read_products,read_orders',
    });
  });

  it('is refused for a shop that is not one', async () => {
    await expect(
      urlOf('shopify', [], { inputs: { shop: 'evil.example.com' } }),
    ).rejects.toMatchObject({ failure: 'provider_refused' });
  });

  it('asks Google for offline access and a new consent', async () => {
    expect(await urlOf('google')).toMatchObject({
      place: 'https://accounts.google.com/o/oauth2/v2/auth',
      access_type: 'offline',
      prompt: 'consent',
      scope: 'openid email',
    });
  });

  it('belongs to the tenant of a configured Microsoft token endpoint', async () => {
    const tenant = 'https://login.microsoftonline.com/contoso.example/oauth2/v2.0';
    expect(await urlOf('microsoft', [`tokenEndpoint: ${tenant}/token`])).toMatchObject({
      place: `${tenant}/authorize`,
      scope: expect.stringContaining('offline_access') as string,
    });
  });

  it('takes scopes and parameters from the configuration', async () => {
    const lines = [
      'adapter: oauth2',
      'tokenEndpoint: https://crm.example.com/token',
      'authorizationEndpoint: https://crm.example.com/authorize?realm=1',
      'consentScopes: [read, write]',
      'consentParameters: {audience: api}',
      'pkce: refused',
    ];
    const url = await urlOf('crm', lines, { verifier: null });
    expect(url).toMatchObject({ realm: '1', scope: 'read write', audience: 'api' });
    expect(url).not.toHaveProperty('code_challenge');
  });
});

describe('a provider without an authorization endpoint', () => {
  it.each([
    ['an oauth2 server known by its token endpoint alone', 'crm', ['adapter: oauth2']],
    ['another server with the dialect of eBay', 'ebay', []],
  ])('has no consent flow: %s', (_name, id, lines) => {
    const found = target(id, [...lines, 'tokenEndpoint: https://other.example.com/token']);
    expect(answering().client.rulesOf(found.provider)).toBeNull();
    expect(found.environment.consent).toBeNull();
  });
});

/** Signs a callback as Shopify does. */
function signed(
  parameters: Record<string, string>,
  secret = CLIENT_SECRET,
): Record<string, string> {
  const sorted = Object.entries({ state: STATE, code: 'code-1-abcdefghijklmnop', ...parameters });
  sorted.sort(([a], [b]) => a.localeCompare(b));
  const text = new URLSearchParams(sorted).toString();
  return { ...parameters, hmac: createHmac('sha256', secret).update(text).digest('hex') };
}

describe('the code exchange', () => {
  it('sends an eBay code once with the RuName, and asks who consented', async () => {
    const { client, sent } = answering(
      { body: { ...TOKENS, token_type: 'User Access Token' } },
      { body: { userId: 'u-1', username: 'copper_kettle' } },
    );
    const input = exchangeInput(target('ebay', ['redirectUri: Acme-RuName']), {});
    const answer = await client.exchangeCode(input);
    expect(answer).toMatchObject({
      kind: 'granted',
      subject: { value: 'u-1', label: 'copper_kettle' },
      warnings: [],
    });
    expect(Object.fromEntries(new URLSearchParams(sent[0]?.body))).toMatchObject({
      grant_type: 'authorization_code',
      redirect_uri: 'Acme-RuName',
      code_verifier: input.verifier,
    });
    expect(sent[1]).toMatchObject({
      url: 'https://apiz.ebay.com/commerce/identity/v1/user/',
      headers: { authorization: `Bearer ${TOKENS.access_token}` },
    });
    expect(input.receive).toHaveBeenCalledTimes(1);
  });

  it('does not ask eBay who consented without the scope for it', async () => {
    const { client, sent } = answering({ body: { ...TOKENS, token_type: 'User Access Token' } });
    const found = target('ebay', ['consentScopes: [https://api.ebay.com/oauth/api_scope]']);
    const answer = await client.exchangeCode(exchangeInput(found, {}));
    expect(answer).toMatchObject({ kind: 'granted', subject: null });
    expect(sent).toHaveLength(1);
  });

  it('asks eBay who consented if the session requested the scope for it, whatever the entry requests', async () => {
    const identity = 'https://api.ebay.com/oauth/api_scope/commerce.identity.readonly';
    const answers = [
      { body: { ...TOKENS, token_type: 'User Access Token' } },
      { body: { userId: 'u-1' } },
    ];
    const entry = target('ebay', ['consentScopes: [https://api.ebay.com/oauth/api_scope]']);
    const asked = answering(...answers);
    const requested = { ...exchangeInput(entry, {}), scopes: [identity] };
    expect(await asked.client.exchangeCode(requested)).toMatchObject({ subject: { value: 'u-1' } });
    const unasked = answering(...answers);
    const fewer = { ...exchangeInput(target('ebay'), {}), scopes: ['sell.inventory'] };
    expect(await unasked.client.exchangeCode(fewer)).toMatchObject({ subject: null });
    expect(unasked.sent).toHaveLength(1);
  });

  it('reads the Etsy user from the access token', async () => {
    const { client, sent } = answering({
      body: { ...TOKENS, access_token: '12345678.abcdefghijklmnopq' },
    });
    const answer = await client.exchangeCode(exchangeInput(target('etsy'), {}));
    expect(answer).toMatchObject({ kind: 'granted', subject: { value: '12345678' } });
    expect(sent).toHaveLength(1);
  });

  it('asks Shopify for an expiring token, and takes the shop from the signed callback', async () => {
    const { client, sent } = answering({
      body: {
        access_token: 'shpat_0123456789abcdef',
        refresh_token: 'shprt_0123456789abcdef',
        expires_in: 3600,
        scope: 'read_products',
      },
    });
    const callback = signed({ shop: 'acme.myshopify.com', timestamp: '1', host: 'YWRtaW4+/==' });
    const input = exchangeInput(target('shopify'), callback);
    const answer = await client.exchangeCode({ ...input, inputs: { shop: 'acme.myshopify.com' } });
    expect(answer).toMatchObject({
      kind: 'granted',
      grant: { scopes: ['read_products'] },
      subject: { value: 'acme.myshopify.com' },
    });
    expect(sent[0]?.url).toBe('https://acme.myshopify.com/admin/oauth/access_token');
    expect(new URLSearchParams(sent[0]?.body).get('expiring')).toBe('1');
  });

  it.each([
    ['is not signed', { shop: 'acme.myshopify.com' }, 'wrong_issuer'],
    [
      'is signed with another secret',
      signed({ shop: 'acme.myshopify.com' }, 'other'),
      'wrong_issuer',
    ],
    ['names another shop', signed({ shop: 'other.myshopify.com' }), 'different_subject'],
  ])('does not send the code of a Shopify callback that %s', async (_name, callback, failure) => {
    const { client, sent } = answering();
    const input = {
      ...exchangeInput(target('shopify'), callback),
      externalId: 'acme.myshopify.com',
    };
    expect(await client.exchangeCode(input)).toMatchObject({ kind: 'failed', failure });
    expect(sent).toEqual([]);
  });

  it('identifies a Google user by the validated ID token', async () => {
    const iss = 'https://accounts.google.com';
    const { client } = answering({
      body: {
        ...TOKENS,
        scope: 'openid',
        id_token: idToken({ iss, sub: '42', email: 'a@example.com' }),
      },
    });
    const answer = await client.exchangeCode(exchangeInput(target('google'), { iss }));
    expect(answer).toMatchObject({
      kind: 'granted',
      grant: { scopes: ['openid'] },
      subject: { value: JSON.stringify([iss, '42']), label: 'a@example.com' },
    });
  });

  it.each([
    ['another issuer', { iss: 'https://evil.example.com' }],
    ['another audience', { iss: 'https://accounts.google.com', aud: 'app-2' }],
    ['a past expiry', { iss: 'https://accounts.google.com', exp: 1 }],
  ])('refuses a Google ID token with %s', async (_name, claims) => {
    const { client } = answering({
      body: { ...TOKENS, id_token: idToken({ sub: '42', ...claims }) },
    });
    const answer = await client.exchangeCode(exchangeInput(target('google'), {}));
    expect(answer).toMatchObject({ kind: 'failed', failure: 'unknown_subject' });
  });

  it('accepts the issuer of the person’s own Microsoft tenant', async () => {
    const tid = '11111111-2222-3333-4444-555555555555';
    const iss = `https://login.microsoftonline.com/${tid}/v2.0`;
    const { client } = answering({
      body: { ...TOKENS, id_token: idToken({ iss, tid, sub: 's' }) },
    });
    const answer = await client.exchangeCode(exchangeInput(target('microsoft'), {}));
    expect(answer).toMatchObject({
      kind: 'granted',
      subject: { value: JSON.stringify([iss, 's']) },
    });
  });

  it('reads the subject of an oauth2 server from the configured member, beside nested tokens', async () => {
    const { client } = answering({ body: { team: { id: 7, name: 'Acme' }, data: TOKENS } });
    const found = target('crm', [
      'adapter: oauth2',
      'tokenEndpoint: https://crm.example.com/token',
      'authorizationEndpoint: https://crm.example.com/authorize',
      'tokenPath: data',
      'subject: {answer: team.id, label: team.name}',
    ]);
    const answer = await client.exchangeCode(exchangeInput(found, {}));
    expect(answer).toMatchObject({ kind: 'granted', subject: { value: '7', label: 'Acme' } });
  });
});

describe('a callback', () => {
  it.each([
    ['a wrong iss', { iss: 'https://evil.example.com' }, 'wrong_issuer'],
    [
      'a wrong iss and an error',
      { iss: 'https://evil.example.com', error: 'access_denied' },
      'wrong_issuer',
    ],
    ['another state', { state: 'other' }, 'provider_refused'],
    ['no code', { code: '' }, 'provider_refused'],
    ['access_denied', { error: 'access_denied' }, 'access_denied'],
    ['server_error', { error: 'server_error' }, 'provider_unavailable'],
    ['temporarily_unavailable', { error: 'temporarily_unavailable' }, 'provider_unavailable'],
    ['invalid_scope', { error: 'invalid_scope' }, 'app_refused'],
    ['an unknown error', { error: 'odd', error_description: 'odd words' }, 'provider_refused'],
  ])('with %s fails, and no code is sent', async (_name, callback, failure) => {
    const { client, sent } = answering();
    const answer = await client.exchangeCode(exchangeInput(target('google'), callback));
    expect(answer).toMatchObject({ kind: 'failed', failure, response: null });
    expect(sent).toEqual([]);
  });

  it('shows the words of an error without secrets and invisible characters', async () => {
    const input = exchangeInput(target('google'), {});
    const code = input.parameters.get('code') ?? '';
    input.parameters.set('error', 'odd');
    input.parameters.set('error_description', `used ${code} for ${STATE}\u202e\u0007`);
    expect(await answering().client.exchangeCode(input)).toMatchObject({
      failure: 'provider_refused',
      detail: 'odd: used <masked> for <masked>\\u202e\\u0007',
    });
  });

  it('of a server with an unknown issuer may carry any iss', async () => {
    const { client } = answering({
      body: { ...TOKENS, access_token: '1234.abcdefghijklmnopqrst' },
    });
    const input = exchangeInput(target('etsy'), { iss: 'https://www.etsy.com' });
    expect(await client.exchangeCode(input)).toMatchObject({ kind: 'granted' });
  });
});

describe('a failed code exchange', () => {
  it.each([
    [400, { error: 'invalid_grant' }, 'provider_refused'],
    [401, { error: 'invalid_client' }, 'app_refused'],
    [400, { error: 'redirect_uri_mismatch' }, 'provider_refused'],
    [503, {}, 'provider_unavailable'],
    [200, {}, 'answer_lost'],
  ])('with status %s is named', async (status, body, failure) => {
    const { client, sent } = answering({ status, body });
    const answer = await client.exchangeCode(exchangeInput(target('google'), {}));
    expect(answer).toMatchObject({ kind: 'failed', failure, response: { status } });
    expect(sent).toHaveLength(1);
  });

  it('shows neither code, state nor verifier that the provider quotes', async () => {
    const input = exchangeInput(target('google'), {});
    const quoted = `${input.parameters.get('code')} ${input.state} ${input.verifier}`;
    const { client } = answering({
      status: 400,
      body: { error: 'invalid_grant', error_description: quoted },
    });
    const answer = JSON.stringify(await client.exchangeCode(input));
    for (const secret of quoted.split(' ')) expect(answer).not.toContain(secret);
  });
});

describe('a revocation', () => {
  const revoke = (id: string, answer: { status?: number; body: object }) => {
    const { client, sent } = answering(answer);
    const token = new Secret('rt-0123456789abcdefghij');
    return client
      .revoke({ ...target(id), externalId: 'x', token, hint: 'refresh_token' })
      .then(({ result, retryAfterMs }) => ({ outcome: result, retryAfterMs, sent }));
  };

  it('sends the token with its hint to Google', async () => {
    const { outcome, sent } = await revoke('google', { body: {} });
    expect(outcome).toBe('revoked');
    expect(sent[0]?.url).toBe('https://oauth2.googleapis.com/revoke');
    expect(new URLSearchParams(sent[0]?.body).get('token_type_hint')).toBe('refresh_token');
  });

  it.each([
    [400, { error: 'invalid_token' }, 'revoked'],
    [400, { error: 'unsupported_token_type' }, 'not_supported'],
    [401, { error: 'invalid_client' }, 'refused'],
    [429, { error: 'slow_down' }, 'unknown'],
    [503, {}, 'unknown'],
  ])('answered with status %s and %j is named', async (status, body, outcome) => {
    expect(await revoke('google', { status, body })).toMatchObject({ outcome });
  });

  it('reports how long the provider asks to wait', async () => {
    const { client } = answering({ status: 429, body: {}, headers: { 'retry-after': '120' } });
    const token = new Secret('rt-0123456789abcdefghij');
    expect(
      await client.revoke({ ...target('google'), externalId: 'x', token, hint: 'refresh_token' }),
    ).toEqual({ result: 'unknown', retryAfterMs: 120_000 });
  });

  it('needs no authorization endpoint', async () => {
    const { environment } = target('oauth2', [
      'tokenEndpoint: https://login.example.com/token',
      'revocationEndpoint: https://login.example.com/revoke',
    ]);
    expect(environment.consent).toBeNull();
    const { client, sent } = answering({ body: {} });
    const token = new Secret('rt-0123456789abcdefghij');
    const input = { environment, externalId: 'x', token, hint: 'access_token' } as const;
    expect(await client.revoke(input)).toMatchObject({ result: 'revoked' });
    expect(sent[0]?.url).toBe('https://login.example.com/revoke');
  });

  it('takes its effects from the entry of an oauth2 server', () => {
    const lines = [
      'tokenEndpoint: https://login.example.com/token',
      'revocation: {effect: It ends the refresh token., accessTokens: no}',
    ];
    expect(target('oauth2', lines).provider.revocation).toMatchObject({
      effect: 'It ends the refresh token.',
      takesAlong: {
        accessTokens: { answer: 'no', source: null },
        installation: { answer: 'unknown' },
      },
    });
  });

  it('states its effects at Google, each with a source', () => {
    const { revocation } = target('google').provider;
    expect(revocation).toMatchObject({
      kind: 'rfc7009',
      takesAlong: { otherGrants: { answer: 'yes', source: expect.stringMatching(/^https:/) } },
    });
  });

  it.each(adapterIds())('states no effect of %s without a source', (id) => {
    const revocation = findAdapter(id)?.consent?.revocation;
    const facts = revocation?.kind === 'rfc7009' ? Object.values(revocation.takesAlong) : [];
    expect(facts.filter(({ answer, source }) => answer !== 'unknown' && !source)).toEqual([]);
  });

  it.each(['ebay', 'etsy', 'microsoft'])(
    'is not supported by %s, and nothing is sent',
    async (id) => {
      const { outcome, sent } = await revoke(id, { body: {} });
      expect(outcome).toBe('not_supported');
      expect(sent).toEqual([]);
    },
  );
});

describe('the shop that a person enters', () => {
  const [input] = target('shopify').provider.consent?.inputs ?? [];
  it.each([
    ['acme', 'acme.myshopify.com'],
    [' https://Acme.myshopify.com/admin ', 'acme.myshopify.com'],
    ['admin.shopify.com/store/acme/orders', 'acme.myshopify.com'],
    ['acme.example.com', null],
    ['acme.myshopify.com.evil.example', null],
    ['127.0.0.1', null],
    ['', null],
  ])('is read: %j', (text, shop) => {
    expect(input?.normalise(text)).toBe(shop);
  });
});
