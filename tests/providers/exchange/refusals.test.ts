/** Answers that are no 2xx: whom a verdict touches (recipe 15 of the fault catalogue), and how long to wait. */
import { startSandbox } from '../../src/sandbox/server';
import {
  type CannedAnswer,
  CLIENT_ID,
  CLIENT_SECRET,
  cannedProvider,
  ebayAt,
  exchangeAnswered,
  exchangeAt,
  REFRESH_TOKEN,
  stopProviders,
} from './_provider';

const NOW = new Date('2026-11-22T12:00:00.000Z');
const HTML: CannedAnswer = {
  headers: { 'content-type': 'text/html' },
  body: '<html><body><h1>Request blocked</h1></body></html>',
};
const error = (code: string, description?: string): CannedAnswer => ({
  body: JSON.stringify({ error: code, error_description: description }),
});

afterEach(stopProviders);

describe('an OAuth error', () => {
  it.each<[number, string, string, string]>([
    [400, 'invalid_grant', 'account', 'invalid_grant'],
    [400, 'invalid_client', 'app', 'invalid_client'],
    [401, 'invalid_client', 'app', 'invalid_client'],
    [400, 'unauthorized_client', 'app', 'unauthorized_client'],
    [403, 'unauthorized_client', 'app', 'unauthorized_client'],
    [400, 'invalid_scope', 'app', 'invalid_scope'],
    [400, 'invalid_request', 'app', 'invalid_request'],
    [400, 'unsupported_grant_type', 'app', 'unsupported_grant_type'],
    [400, 'temporarily_unavailable', 'provider', 'provider_unavailable'],
    [400, 'a word of tomorrow', 'provider', 'provider_unavailable'],
    [400, '__proto__', 'provider', 'provider_unavailable'],
    [400, 'constructor', 'provider', 'provider_unavailable'],
    [400, 'row_corrupt', 'provider', 'provider_unavailable'],
    [400, 'key_mismatch', 'provider', 'provider_unavailable'],
    [400, 'refresh_token_missing', 'provider', 'provider_unavailable'],
  ])('%i %s is rejected and touches: %s', async (status, code, failureClass, expected) => {
    const { outcome, failure, received } = await exchangeAnswered({ ...error(code), status });
    expect({
      outcome,
      class: failure?.class,
      code: failure?.code,
      status: failure?.status,
    }).toEqual({
      outcome: 'rejected',
      class: failureClass,
      code: expected,
      status,
    });
    expect(received).toEqual([]);
  });

  it('is read beside a challenge header too', async () => {
    const headers = { 'www-authenticate': 'Basic realm="identity"' };
    const { failure } = await exchangeAnswered({
      ...error('invalid_client'),
      status: 401,
      headers,
    });
    expect(failure?.code).toBe('invalid_client');
  });

  it('is quoted with its description, masked', async () => {
    const { failure } = await exchangeAnswered({
      ...error('invalid_grant', `token ${REFRESH_TOKEN} was\nrevoked`),
      status: 400,
    });
    expect(failure?.detail).toBe('invalid_grant: token <masked> was revoked');
  });

  it('means what the adapter says, where a provider has words of its own', async () => {
    const { url } = await cannedProvider({ ...error('bad_refresh_token'), status: 400 });
    const ebay = ebayAt(url);
    const provider = {
      ...ebay,
      adapter: { ...ebay.adapter, failureCodes: { bad_refresh_token: 'invalid_grant' as const } },
    };
    expect((await exchangeAt(url, { provider })).failure).toMatchObject({
      code: 'invalid_grant',
      detail: 'bad_refresh_token',
    });
  });
});

describe('an answer that is no word of the authorization server', () => {
  it.each<[number, string, CannedAnswer]>([
    [400, 'HTML', HTML],
    [400, 'nothing', {}],
    [400, 'JSON without an error', { body: '{"message":"no"}' }],
    [400, 'an error that is no string', { body: '{"error":{"code":"invalid_grant"}}' }],
    [400, 'an array', { body: '[{"error":"invalid_grant"}]' }],
    [400, 'JSON cut in the middle', { body: '{"error":"invalid_gra' }],
    [401, 'HTML', HTML],
    [403, 'HTML of a firewall', HTML],
    [404, 'HTML', HTML],
    [408, 'nothing', {}],
    [500, 'HTML', HTML],
    [500, 'an OAuth error', error('invalid_grant')],
    [502, 'HTML', HTML],
    [503, 'HTML, without Retry-After', HTML],
    [504, 'nothing', {}],
    [599, 'nothing', {}],
    [304, 'nothing', {}],
  ])('R2.5 %i with %s is unknown, the provider’s trouble', async (status, _what, answer) => {
    const { outcome, failure } = await exchangeAnswered({ ...answer, status });
    expect(outcome).toBe('unknown');
    expect(failure).toMatchObject({ class: 'provider', code: 'provider_unavailable', status });
  });
});

describe('being asked to slow down', () => {
  it.each<[number, string, string | undefined, number]>([
    [429, 'seconds', '120', 120_000],
    [429, 'a date', 'Sun, 22 Nov 2026 12:05:00 GMT', 300_000],
    [429, 'no word how long', undefined, 60_000],
    [429, 'a negative number', '-1', 60_000],
    [429, 'ten years', '315360000', 3_600_000],
    [503, 'seconds', '30', 30_000],
  ])('%i with %s is throttled', async (status, _what, retryAfter, waitMs) => {
    const headers = retryAfter === undefined ? {} : { 'retry-after': retryAfter };
    const result = await exchangeAnswered({ ...HTML, status, headers }, { now: () => NOW });
    expect(result.outcome).toBe('throttled');
    expect(result.failure).toMatchObject({ class: 'rate', status, retryAfterMs: waitMs });
  });

  it('wins over an OAuth error in the same answer', async () => {
    const { outcome } = await exchangeAnswered({ ...error('invalid_grant'), status: 429 });
    expect(outcome).toBe('throttled');
  });
});

describe('a redirect', () => {
  it.each([301, 302, 303, 307, 308])('%i is not followed', async (status) => {
    const elsewhere = await cannedProvider({ body: '{}' });
    const result = await exchangeAnswered({ status, headers: { location: elsewhere.url } });
    expect(elsewhere.requests).toBe(0);
    expect(result.outcome).toBe('unknown');
    expect(result.failure).toMatchObject({ code: 'provider_unavailable', status });
  });
});

describe('the sandbox’s eBay', () => {
  it('takes our request, refuses a revoked grant and a rolled secret', async () => {
    const sandbox = await startSandbox({ clientId: CLIENT_ID, clientSecret: CLIENT_SECRET });
    try {
      const url = sandbox.tokenEndpoint('ebay');
      const { refresh_token: refreshToken } = sandbox.issueGrant({
        provider: 'ebay',
        subject: 's',
      });
      const first = await exchangeAt(url, { refreshToken });
      expect(first).toMatchObject({ outcome: 'ok', failure: null, warnings: [] });
      expect(sandbox.isAccessTokenActive(first.received[0]?.accessToken ?? '')).toBe(true);
      sandbox.script({ answer: { kind: 'drop', at: 'after_commit' } });
      expect((await exchangeAt(url, { refreshToken })).outcome).toBe('unknown');
      sandbox.script({ answer: { kind: 'rate_limited', retryAfter: '7' } });
      expect((await exchangeAt(url, { refreshToken })).failure?.retryAfterMs).toBe(7000);
      sandbox.revoke(refreshToken);
      expect((await exchangeAt(url, { refreshToken })).failure?.code).toBe('invalid_grant');
      sandbox.setClientSecret('rolled');
      expect((await exchangeAt(url, { refreshToken })).failure?.code).toBe('invalid_client');
    } finally {
      await sandbox.stop();
    }
  });
});
