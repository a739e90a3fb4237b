/** The consent page, codes and revocation of the sandbox, used by the consent client over HTTP in each dialect. */
import { Secret } from '../../src/domain/masking/secret';
import { ConfiguredProviders } from '../../src/providers/config/configured-providers';
import { defaultPolicy } from '../../src/providers/config/providers-file';
import { createConsentClient } from '../../src/providers/consent/consent-client';
import { createTransport } from '../../src/providers/exchange/transport';
import { DEMO_ACCOUNT_PROVIDERS, type DemoAccountProvider } from '../../src/sandbox/demo-accounts';
import { type Sandbox, startSandbox } from '../../src/sandbox/server';

const CALLBACK = 'http://127.0.0.1:9/connect/callback/demo';
const STATE = 'state-0123456789abcdefghijklmnop';
const VERIFIER = 'verifier-0123456789abcdefghijklmnopqrstuvwxyz-_';
const SHOP = 'amber-outfitters.myshopify.com';

let sandbox: Sandbox;
let nowMs = Date.now();
const client = createConsentClient({ transport: createTransport(), now: () => new Date() });

beforeEach(async () => {
  nowMs = Date.now();
  sandbox = await startSandbox({
    clientId: 'evergrant-test',
    clientSecret: 'sandbox-secret-0123456789',
    redirectUris: { 'Acme-RuName': CALLBACK },
    now: () => new Date(nowMs),
  });
});
afterEach(() => sandbox.stop());

/** The provider as demo mode configures it. */
function input(id: DemoAccountProvider) {
  const provider = new ConfiguredProviders([
    {
      id,
      adapter: id,
      policy: defaultPolicy(id, null),
      environments: {
        production: {
          clientId: 'evergrant-test',
          clientSecret: new Secret('sandbox-secret-0123456789'),
          ...sandbox.endpoints(id),
          ...(id === 'ebay' ? { redirectUri: 'Acme-RuName' } : {}),
        },
      },
    },
  ]).find(id);
  const environment = provider?.environments.get('production');
  if (provider === undefined || environment === undefined) throw new Error('no provider');
  return {
    provider,
    environment,
    externalId: null,
    inputs: id === 'shopify' ? { shop: SHOP } : {},
    scopes: [] as string[],
    state: STATE,
    verifier: VERIFIER,
    redirectUri: CALLBACK,
    receive: jest.fn(),
  };
}

const SUBJECTS: Record<DemoAccountProvider, string> = {
  ebay: 'copper_kettle',
  etsy: 'rowan_candles',
  shopify: SHOP,
  google: 'reservations@hotel.example',
};

/** Opens the consent page and decides there, as a browser without scripts does. */
async function decide(url: URL, decision: Record<string, string | string[]>): Promise<Response> {
  const page = await (await fetch(url)).text();
  const form = new URLSearchParams();
  for (const [, name = '', value = ''] of page.matchAll(
    /type="hidden" name="([^"]*)" value="([^"]*)"/g,
  ))
    form.append(unescaped(name), unescaped(value));
  const offered = [...page.matchAll(/name="granted" value="([^"]*)"/g)].map(([, one = '']) => one);
  for (const scope of (decision['granted'] as string[] | undefined) ?? offered)
    form.append('granted', unescaped(scope));
  form.set('decision', String(decision['decision'] ?? 'approve'));
  form.set('subject', String(decision['subject'] ?? ''));
  return fetch(url.origin + url.pathname, { method: 'POST', body: form, redirect: 'manual' });
}

const unescaped = (text: string) =>
  text.replace(/&#(\d+);/g, (_match, code: string) => String.fromCharCode(Number(code)));

async function callbackOf(
  given: ReturnType<typeof input>,
  decision: Record<string, string | string[]>,
): Promise<URLSearchParams> {
  const answer = await decide(await client.authorizationUrl(given), decision);
  expect(answer.status).toBe(303);
  const location = new URL(answer.headers.get('location') ?? '');
  expect(`${location.origin}${location.pathname}`).toBe(CALLBACK);
  return location.searchParams;
}

async function granted(id: DemoAccountProvider) {
  const given = input(id);
  const parameters = await callbackOf(given, { subject: SUBJECTS[id] });
  const answer = await client.exchangeCode({ ...given, parameters });
  if (answer.kind !== 'granted') throw new Error(`${answer.failure}: ${answer.detail}`);
  return { given, parameters, answer };
}

describe.each(DEMO_ACCOUNT_PROVIDERS)('a consent at %s', (id) => {
  it('gives both tokens and names the person who consented', async () => {
    const { answer } = await granted(id);
    expect(sandbox.isAccessTokenActive(answer.grant.accessToken?.reveal() ?? '')).toBe(true);
    expect(answer.grant.refreshToken).not.toBeNull();
    expect(answer.subject?.value).toEqual(expect.any(String));
    const again = await granted(id);
    expect(again.answer.subject).toEqual(answer.subject);
    expect(sandbox.ledger.map(({ event }) => event)).toContain('consented');
    expect(sandbox.ledger.find(({ event }) => event === 'committed')?.subject).toBe(SUBJECTS[id]);
  });

  it('gives another subject for another person', async () => {
    const { answer } = await granted(id);
    const given = { ...input(id), inputs: { shop: 'birch-supply.myshopify.com' } };
    const parameters = await callbackOf(given, { subject: 'birch-supply.myshopify.com' });
    const other = await client.exchangeCode({ ...given, parameters });
    expect(other).toMatchObject({ kind: 'granted' });
    expect(other.kind === 'granted' && other.subject?.value).not.toBe(answer.subject?.value);
  });

  it('accepts a code once, and revokes its grant when the code is used again', async () => {
    const { given, parameters, answer } = await granted(id);
    expect(await client.exchangeCode({ ...given, parameters })).toMatchObject({ kind: 'failed' });
    expect(sandbox.isAccessTokenActive(answer.grant.accessToken?.reveal() ?? '')).toBe(false);
  });

  it('refuses a code with another verifier, and an expired code', async () => {
    const given = input(id);
    const parameters = await callbackOf(given, { subject: SUBJECTS[id] });
    const verifier = `${VERIFIER}-other`;
    expect(await client.exchangeCode({ ...given, parameters, verifier })).toMatchObject({
      kind: 'failed',
    });
    nowMs += 61_000;
    expect(await client.exchangeCode({ ...given, parameters })).toMatchObject({ kind: 'failed' });
    expect(given.receive).not.toHaveBeenCalled();
  });

  it('reports a person who declines', async () => {
    const given = input(id);
    const parameters = await callbackOf(given, { decision: 'decline', subject: SUBJECTS[id] });
    expect(await client.exchangeCode({ ...given, parameters })).toMatchObject({
      kind: 'failed',
      failure: 'access_denied',
    });
    expect(sandbox.ledger.map(({ event }) => event)).toEqual(['declined']);
  });
});

describe('the sandbox', () => {
  it('names the scopes that a person granted, if the dialect does', async () => {
    const given = { ...input('google'), scopes: ['openid', 'mail.read', 'mail.send'] };
    const parameters = await callbackOf(given, { subject: 'a', granted: ['openid', 'mail.read'] });
    expect(await client.exchangeCode({ ...given, parameters })).toMatchObject({
      kind: 'granted',
      grant: { scopes: ['openid', 'mail.read'] },
    });
  });

  it.each([
    [{ kind: 'wrong_iss' } as const, 'wrong_issuer'],
    [{ kind: 'error', error: 'server_error' } as const, 'provider_unavailable'],
  ])('scripts a callback: %j', async (consent, failure) => {
    sandbox.scriptConsent(consent);
    const given = input('google');
    const parameters = await callbackOf(given, { subject: 'a' });
    expect(await client.exchangeCode({ ...given, parameters })).toMatchObject({ failure });
  });

  it('scripts a callback without iss, and a code without a refresh token', async () => {
    sandbox.scriptConsent({ kind: 'no_iss' });
    sandbox.scriptConsent({ kind: 'no_refresh_token' });
    expect((await callbackOf(input('google'), { subject: 'a' })).has('iss')).toBe(false);
    const given = input('google');
    const parameters = await callbackOf(given, { subject: 'a' });
    expect(parameters.get('iss')).toBe(sandbox.endpoints('google').issuer);
    expect(await client.exchangeCode({ ...given, parameters })).toMatchObject({
      kind: 'granted',
      grant: { refreshToken: null },
    });
  });

  it('never redirects for an unknown client or a redirect URI that is not a URL', async () => {
    const url = await client.authorizationUrl(input('etsy'));
    for (const [name, value] of [
      ['client_id', 'other'],
      ['redirect_uri', 'javascript:alert(1)'],
    ] as const) {
      const changed = new URL(url);
      changed.searchParams.set(name, value);
      expect((await fetch(changed, { redirect: 'manual' })).status).toBe(400);
    }
  });

  it('requires PKCE at Etsy, and reports its absence to the client', async () => {
    const url = await client.authorizationUrl({ ...input('etsy'), verifier: null });
    const answer = await fetch(url, { redirect: 'manual' });
    expect(new URL(answer.headers.get('location') ?? '').searchParams.get('error')).toBe(
      'invalid_request',
    );
  });

  it('escapes what the request states on the consent page', async () => {
    const url = await client.authorizationUrl({ ...input('ebay'), scopes: ['<b>"x"</b>'] });
    expect(await (await fetch(url)).text()).not.toContain('<b>');
  });

  it('revokes the grant of a token at Google, and says that it is not supported elsewhere', async () => {
    const { given, answer } = await granted('google');
    const token = answer.grant.refreshToken ?? new Secret('');
    const revocation = { ...given, externalId: 'a', token, hint: 'refresh_token' as const };
    expect(await client.revoke(revocation)).toMatchObject({ result: 'revoked' });
    expect(sandbox.isAccessTokenActive(answer.grant.accessToken?.reveal() ?? '')).toBe(false);
    expect(sandbox.ledger.at(-1)).toMatchObject({ event: 'withdrawn', status: 200 });
    const atEtsy = { ...revocation, ...input('etsy'), externalId: 'a' };
    expect(await client.revoke(atEtsy)).toMatchObject({ result: 'not_supported' });
  });
});
