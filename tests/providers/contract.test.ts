/** The contract that every registered adapter must fulfil. A new adapter needs an entry in the table. */
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import { adapterIds, findAdapter } from '../../src/providers/adapters/registry';
import { catalogueIds } from '../../src/providers/catalogue/read-file';
import { ConfiguredProviders } from '../../src/providers/config/configured-providers';
import { defaultPolicy } from '../../src/providers/config/providers-file';
import type { Provider } from '../../src/providers/provider';
import {
  ACCESS_TOKEN,
  CASES,
  CLIENT_SECRET,
  COMMON_REFUSALS,
  type ContractCase,
  NEW_REFRESH_TOKEN,
} from './_contract-cases';
import { type Exchanged, exchangeAt, stopProviders } from './_provider';

interface Arrived {
  method: string | undefined;
  headers: IncomingHttpHeaders;
  form: Record<string, string>;
}

let arrived: Arrived[] = [];
let answered: { status: number; body: unknown };
let url: string;
const server = createServer((request, response) => {
  let body = '';
  request.on('data', (chunk) => {
    body += String(chunk);
  });
  request.once('end', () => {
    const form = Object.fromEntries(new URLSearchParams(body));
    arrived.push({ method: request.method, headers: request.headers, form });
    const text = typeof answered.body === 'string' ? answered.body : JSON.stringify(answered.body);
    response.writeHead(answered.status, { 'content-type': 'application/json' }).end(text);
  });
});

beforeAll(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/token`;
});
beforeEach(() => {
  arrived = [];
});
afterEach(stopProviders);
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

function configured(id: string, { credentials }: ContractCase, tokenEndpoint = url): Provider {
  const provider = new ConfiguredProviders([
    {
      id: 'it',
      adapter: id,
      policy: defaultPolicy(id, null),
      environments: { production: { ...credentials, tokenEndpoint } },
    },
  ]).find('it');
  if (provider === undefined) throw new Error('no provider');
  return provider;
}

const exchange = (id: string, of: ContractCase, status: number, body: unknown) => {
  answered = { status, body };
  return exchangeAt(url, { provider: configured(id, of), refreshToken: of.refreshToken });
};

/** Everything of an exchange that may be stored or shown. */
const shown = ({ received: _received, ...rest }: Exchanged) => JSON.stringify(rest);

it('has a case for every adapter that is code', () => {
  const coded = adapterIds().filter((id) => !catalogueIds().includes(id));
  expect(Object.keys(CASES)).toEqual(expect.arrayContaining(coded));
});

describe.each(Object.entries(CASES))('the adapter %s', (id, of) => {
  const adapter = findAdapter(id);
  if (adapter === undefined) throw new Error(`no adapter ${id}`);

  it('sends the documented form with the documented client authentication', async () => {
    await exchange(id, of, 200, of.kept ?? of.rotated);
    expect(arrived).toHaveLength(1);
    const [request] = arrived;
    expect(request?.method).toBe('POST');
    expect(request?.headers['content-type']).toMatch(/^application\/x-www-form-urlencoded/);
    expect(request?.headers.authorization ?? null).toBe(of.authorization ?? null);
    expect(request?.form).toEqual({
      grant_type: 'refresh_token',
      refresh_token: of.refreshToken,
      ...of.form,
    });
  });

  const answers = (['kept', 'rotated'] as const).flatMap((which) =>
    of[which] === undefined ? [] : [[which, of[which]] as const],
  );
  it.each(answers)('accepts the documented answer (%s) without a warning', async (which, body) => {
    const result = await exchange(id, of, 200, body);
    expect(result).toMatchObject({ outcome: 'ok', failure: null, warnings: [] });
    expect(result.received).toHaveLength(1);
    expect(result.received[0]).toMatchObject({
      accessToken: ACCESS_TOKEN,
      refreshToken: which === 'rotated' ? NEW_REFRESH_TOKEN : null,
      ...(of.scopes === undefined ? {} : { scopes: of.scopes }),
    });
  });

  it('states the lifetime of a new refresh token, or that it is unknown', async () => {
    const { received, sentAt } = await exchange(id, of, 200, {
      ...(of.rotated ?? of.kept),
      refresh_token: NEW_REFRESH_TOKEN,
      refresh_token_expires_in: undefined,
    });
    const life = adapter.refreshTokenLifeSeconds;
    expect(received[0]?.refreshTokenExpiry.expiresAt?.getTime() ?? null).toBe(
      life === null ? null : (sentAt?.getTime() ?? 0) + life * 1000,
    );
  });

  it('uses its default lifetime for an answer without expires_in', async () => {
    const { received, sentAt } = await exchange(id, of, 200, {
      ...(of.kept ?? of.rotated),
      expires_in: undefined,
    });
    expect(received[0]?.expiresAt.getTime()).toBe(
      (sentAt?.getTime() ?? 0) + adapter.defaultAccessTokenLifeSeconds * 1000,
    );
  });

  it.each([...COMMON_REFUSALS, ...of.refusals])(
    'classifies %i %j as: %s (%s)',
    async (status, body, failureClass, code) => {
      const { failure, received } = await exchange(id, of, status, body);
      expect(failure).toMatchObject({ class: failureClass, code });
      expect(received).toEqual([]);
    },
  );

  it('shows no secret, even if the provider repeats it', async () => {
    const echo = `${of.refreshToken} ${CLIENT_SECRET}`;
    const results = [
      await exchange(id, of, 200, of.rotated ?? of.kept),
      await exchange(id, of, 400, { error: 'invalid_grant', error_description: echo }),
      await exchange(id, of, 502, echo),
      await exchange(id, of, 200, echo),
    ];
    for (const result of results) expect(shown(result)).not.toContain('PLANTED');
  });

  it('warns only about refresh tokens in a format other than its own', () => {
    expect(adapter.refreshTokenWarning(of.refreshToken)).toBeNull();
    if (of.oddRefreshToken === undefined) return;
    const warning = adapter.refreshTokenWarning(of.oddRefreshToken);
    expect(warning).toEqual(expect.any(String));
    expect(warning).not.toContain('PLANTED');
  });

  it('has a policy with sweeps often enough to refresh each token in time', () => {
    const { sweepEveryMs, refreshBeforeMs, refreshAfterAgeMs } = adapter.defaultPolicy;
    const lifeMs = adapter.defaultAccessTokenLifeSeconds * 1000;
    expect(sweepEveryMs).toBeGreaterThan(0);
    expect(sweepEveryMs).toBeLessThan(refreshBeforeMs);
    expect(refreshBeforeMs).toBeLessThan(lifeMs / 2);
    expect(refreshAfterAgeMs ?? 0).toBeLessThanOrEqual(lifeMs);
  });

  it('sends only to its documented host and only by HTTPS', async () => {
    const hosts: Record<string, string> = {};
    for (const [environment, endpoint] of Object.entries(adapter.tokenEndpoints)) {
      const tokenEndpoint = configured(id, of, endpoint).environments.get(
        'production',
      )?.tokenEndpoint;
      const account = { externalId: of.externalId ?? 'an account' };
      const address = new URL((await tokenEndpoint?.resolve(account))?.token_endpoint ?? '');
      expect(address.protocol).toBe('https:');
      expect(tokenEndpoint?.shown(account)).toBe(address.href);
      hosts[environment] = address.host;
    }
    expect(hosts[adapter.defaultEnvironment] ?? null).toBe(of.host);
  });

  it('states a replay rule', () => {
    const { replayRule } = configured(id, of);
    expect(replayRule).toBe(adapter.replayRule);
    expect(['safe', 'within', 'until_successor_used', 'never']).toContain(replayRule.kind);
  });
});

describe('the required policies', () => {
  it.each([
    ['R2.1 R2.2', 'etsy', 3, 10],
    ['R2.1', 'shopify', 3, 10],
    ['R4.1', 'google', 5, 10],
    ['R0.1 R0.3', 'ebay', 10, 15],
  ])(
    '%s: %s sweeps every %i min and refreshes %i min before the expiry',
    (_id, id, sweep, before) => {
      expect(defaultPolicy(id, null)).toMatchObject({
        sweepEveryMs: sweep * 60_000,
        refreshBeforeMs: before * 60_000,
      });
    },
  );
});

describe('a shop’s token endpoint', () => {
  const of = CASES['shopify'] as ContractCase;
  const template = findAdapter('shopify')?.tokenEndpoints['production'] ?? '';
  it.each([
    'evil.example',
    'myshopify.com',
    'a.b.myshopify.com',
    'shop.myshopify.com.evil.example',
    'evil.example/shop.myshopify.com',
    'evil.example#.myshopify.com',
    'user@evil.example?.myshopify.com',
    'shop.myshopify.com:8443',
    'shop.myshopify.com/..',
    'shop.myshopify.com\n',
    ' shop.myshopify.com',
    '-shop.myshopify.com',
    'shop_.myshopify.com',
    '',
  ])('is refused for %j: nothing is sent, and the account has the reason', async (externalId) => {
    let sent = false;
    const result = await exchangeAt(url, {
      provider: configured('shopify', of, template),
      externalId,
      mayBeSent: async () => {
        sent = true;
        return false;
      },
    });
    expect(sent).toBe(false);
    expect(result).toMatchObject({
      outcome: 'not_sent',
      sentAt: null,
      request: { url: 'https://<unknown>/admin/oauth/access_token' },
      failure: { class: 'account', code: 'account_address_invalid' },
    });
  });
});
