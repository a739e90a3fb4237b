/** Each dialect with the adapter of its provider. The two were written independently, from the same sources. */
import { Secret } from '../../src/domain/masking/secret';
import { findAdapter } from '../../src/providers/adapters/registry';
import { ConfiguredProviders } from '../../src/providers/config/configured-providers';
import { defaultPolicy } from '../../src/providers/config/providers-file';
import { DEMO_ACCOUNT_PROVIDERS, type DemoAccountProvider } from '../../src/sandbox/demo-accounts';
import type { Sandbox } from '../../src/sandbox/server';
import { exchangeAt, stopProviders } from '../providers/_provider';
import { CLIENT_ID, CLIENT_SECRET, sandboxForTest, stopSandboxes } from './_token-client';

afterEach(async () => {
  await stopProviders();
  await stopSandboxes();
});

const DAY_MS = 24 * 3600_000;
const ROTATES: Record<DemoAccountProvider, boolean> = {
  ebay: false,
  etsy: true,
  shopify: true,
  google: false,
};

function refresh(sandbox: Sandbox, provider: DemoAccountProvider, refreshToken: string) {
  const found = new ConfiguredProviders([
    {
      id: provider,
      adapter: provider,
      policy: defaultPolicy(provider, null),
      environments: {
        production: {
          clientId: CLIENT_ID,
          clientSecret: new Secret(CLIENT_SECRET),
          tokenEndpoint: sandbox.tokenEndpoint(provider),
        },
      },
    },
  ]).find(provider);
  if (found === undefined) throw new Error('no provider');
  return exchangeAt('', { provider: found, refreshToken });
}

describe.each(DEMO_ACCOUNT_PROVIDERS)('the %s dialect and the adapter of that name', (provider) => {
  it('agree on a refresh without a warning, with a refresh token only if it rotates', async () => {
    const sandbox = await sandboxForTest();
    const grant = sandbox.issueGrant({ provider, subject: 's', secretMarker: 'MARKER' });
    const first = await refresh(sandbox, provider, grant.refresh_token);
    expect(first).toMatchObject({ outcome: 'ok', failure: null, warnings: [] });
    const [received] = first.received;
    expect(sandbox.isAccessTokenActive(received?.accessToken ?? '')).toBe(true);
    expect(typeof received?.refreshToken).toBe(ROTATES[provider] ? 'string' : 'object');
    const life = received?.refreshTokenExpiry.expiresAt?.getTime() ?? 0;
    const days = Math.round((life - (first.sentAt?.getTime() ?? 0)) / DAY_MS);
    expect(Math.max(0, days)).toBe(ROTATES[provider] ? 90 : 0);
    const latest = received?.refreshToken ?? grant.refresh_token;
    expect((await refresh(sandbox, provider, latest)).outcome).toBe('ok');
    expect(JSON.stringify({ ...first, received: null })).not.toContain('MARKER');
  });

  it('agree on the shape of a refresh token', async () => {
    const sandbox = await sandboxForTest();
    const grant = sandbox.issueGrant({ provider, subject: 's' });
    expect(findAdapter(provider)?.refreshTokenWarning(grant.refresh_token)).toBeNull();
  });

  it('agree on whether a refusal concerns the account or the app', async () => {
    const sandbox = await sandboxForTest();
    const { refresh_token: refreshToken } = sandbox.issueGrant({ provider, subject: 's' });
    sandbox.script({ answer: { kind: 'rate_limited', retryAfter: '7' } });
    expect((await refresh(sandbox, provider, refreshToken)).failure).toMatchObject({
      code: 'rate_limited',
      retryAfterMs: 7000,
    });
    sandbox.revoke(refreshToken);
    expect((await refresh(sandbox, provider, refreshToken)).failure).toMatchObject({
      class: 'account',
      code: 'invalid_grant',
    });
  });
});

it.each(['ebay', 'shopify', 'google'] as const)(
  'a replaced client secret is a failure of the OAuth app at %s',
  async (provider) => {
    const sandbox = await sandboxForTest();
    const grant = sandbox.issueGrant({ provider, subject: 's' });
    sandbox.setClientSecret('rolled');
    const { failure } = await refresh(sandbox, provider, grant.refresh_token);
    expect(failure).toMatchObject({ class: 'app', code: 'invalid_client' });
  },
);

it('an unknown key is a failure of the OAuth app at etsy, which has no client secret', async () => {
  const sandbox = await sandboxForTest({ clientId: 'another-app' });
  const grant = sandbox.issueGrant({ provider: 'etsy', subject: 's' });
  const { failure } = await refresh(sandbox, 'etsy', grant.refresh_token);
  expect(failure).toMatchObject({ class: 'app', code: 'invalid_client' });
});

it('a provider refuses the refresh token of another provider', async () => {
  const sandbox = await sandboxForTest();
  const grant = sandbox.issueGrant({ provider: 'google', subject: 's' });
  const { failure } = await refresh(sandbox, 'shopify', grant.refresh_token);
  expect(failure?.code).toBe('invalid_grant');
});

it('Shopify recovers from a lost response, because its old refresh token still works', async () => {
  const sandbox = await sandboxForTest();
  const grant = sandbox.issueGrant({ provider: 'shopify', subject: 's' });
  sandbox.script({ answer: { kind: 'drop', at: 'after_commit' } });
  expect((await refresh(sandbox, 'shopify', grant.refresh_token)).outcome).toBe('unknown');
  expect((await refresh(sandbox, 'shopify', grant.refresh_token)).outcome).toBe('ok');
});
