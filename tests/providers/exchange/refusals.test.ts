/** Responses other than 2xx: the class of the failure (recipe 15 of the fault catalogue), and the time to wait. */
import { startSandbox } from '../../../src/sandbox/server';
import {
  type CannedAnswer,
  CLIENT_ID,
  CLIENT_SECRET,
  cannedProvider,
  ebayAt,
  exchangeAnswered,
  exchangeAt,
  oauth2At,
  REFRESH_TOKEN,
  stopProviders,
} from '../_provider';

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
    [400, 'an unknown code', 'provider', 'unrecognized_error'],
    [400, '__proto__', 'provider', 'unrecognized_error'],
    [400, 'constructor', 'provider', 'unrecognized_error'],
    [400, 'row_corrupt', 'provider', 'unrecognized_error'],
    [400, 'key_mismatch', 'provider', 'unrecognized_error'],
    [400, 'refresh_token_missing', 'provider', 'unrecognized_error'],
  ])('%i %s is rejected with the class %s', async (status, code, failureClass, expected) => {
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

  it('is also read beside a challenge header', async () => {
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

  it('has the meaning that the adapter gives to its own codes', async () => {
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

/** Returns outcome, code and detail of a refusal by the adapter oauth2's server. */
async function refused(
  status: number,
  body: unknown,
  config: Parameters<typeof oauth2At>[1] = {},
  headers: Record<string, string> = {},
) {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const { url } = await cannedProvider({ status, headers, body: text });
  const exchange = await exchangeAt(url, { provider: oauth2At(url, config), now: () => NOW });
  expect(exchange.received).toEqual([]);
  return [exchange.outcome, exchange.failure?.code, exchange.failure?.detail];
}

describe('a refusal without an error string', () => {
  const DEAD: [string, number, unknown, string][] = [
    [
      'HubSpot’s',
      400,
      {
        status: 'BAD_REFRESH_TOKEN',
        message: 'missing or invalid refresh token',
        correlationId: '0',
      },
      'BAD_REFRESH_TOKEN: missing or invalid refresh token',
    ],
    [
      'an object',
      400,
      { error: { code: 'invalid_grant', message: 'gone', status: 400 } },
      'invalid_grant: gone',
    ],
    [
      'an object with a type',
      401,
      { error: { type: 'OAuthException', code: 190, message: 'Refresh token has expired' } },
      '190, OAuthException: Refresh token has expired',
    ],
    [
      'a list',
      401,
      { errors: [{ errorType: 'invalid_grant', message: 'Refresh token invalid: x' }] },
      'invalid_grant: Refresh token invalid: x',
    ],
    ['a list of words', 400, { errors: ['invalid_grant'] }, 'invalid_grant'],
    [
      'Apigee’s fault',
      401,
      {
        fault: {
          faultstring: 'Invalid Refresh Token',
          detail: { errorcode: 'keymanagement.service.invalid_refresh_token' },
        },
      },
      'keymanagement.service.invalid_refresh_token: Invalid Refresh Token',
    ],
    [
      'Apigee’s code',
      401,
      { ErrorCode: 'invalid_request', Error: 'Refresh Token expired' },
      'invalid_request: Refresh Token expired',
    ],
    ['an error_code', 400, { error_code: 'refresh_token_not_found' }, 'refresh_token_not_found'],
    ['only a message', 400, { message: 'Invalid refresh token' }, 'Invalid refresh token'],
    [
      'a form',
      400,
      'error=bad_refresh_token&error_description=The+token+has+expired.',
      'bad_refresh_token: The token has expired.',
    ],
    [
      'a form with status 200',
      200,
      'error=bad_refresh_token&error_description=The+token+has+expired.',
      'bad_refresh_token: The token has expired.',
    ],
    ['an envelope', 400, { data: { error: 'invalid_grant' } }, 'invalid_grant'],
    [
      'an envelope with status 200',
      200,
      { code: 0, data: { error: 'invalid_grant' } },
      'invalid_grant',
    ],
    [
      'a code with status 200',
      200,
      { code: 36004004, message: 'refresh token is expired' },
      '36004004: refresh token is expired',
    ],
    ['an array', 400, [{ error: 'invalid_grant' }], 'invalid_grant'],
  ];
  it.each(DEAD)('is read as a dead grant: %s', async (_form, status, body, detail) => {
    expect(await refused(status, body)).toEqual(['rejected', 'invalid_grant', detail]);
  });

  it.each<[string, unknown]>([
    ['status', { status: 'TOKEN_DEAD' }],
    ['error.code', { error: { code: 'TOKEN_DEAD' } }],
    ['error.type', { error: { type: 'TOKEN_DEAD' } }],
    ['error.status', { error: { status: 'TOKEN_DEAD' } }],
    ['code', { code: 'TOKEN_DEAD' }],
    ['error_code', { error: 'invalid_request', error_code: 'TOKEN_DEAD' }],
    ['errorCode', { errorCode: 'TOKEN_DEAD' }],
    ['errors[0].code', { errors: [{ code: 'TOKEN_DEAD' }] }],
    ['fault.detail.errorcode', { fault: { detail: { errorcode: 'TOKEN_DEAD' } } }],
  ])('matches errorCodes in %s', async (_place, body) => {
    const failureCodes = { TOKEN_DEAD: 'invalid_grant' } as const;
    expect(await refused(400, body)).not.toContain('invalid_grant');
    const [outcome, code, detail] = await refused(400, body, { failureCodes });
    expect([outcome, code]).toEqual(['rejected', 'invalid_grant']);
    expect(detail).toMatch(/TOKEN_DEAD/);
  });

  it('matches errorCodes as a number', async () => {
    const config = { failureCodes: { 1042: 'invalid_grant' } } as const;
    expect(await refused(400, { code: 1042 }, config)).toEqual([
      'rejected',
      'invalid_grant',
      '1042',
    ]);
  });

  it('matches errorCodes before its description is read', async () => {
    const config = { failureCodes: { access_denied: 'unauthorized_client' } } as const;
    const body = { error: 'access_denied', error_description: 'refresh token is invalid' };
    expect((await refused(400, body, config))[1]).toBe('unauthorized_client');
  });

  it.each<[string, number, unknown, string | undefined]>([
    ['an unknown code', 400, { error: 'something_new', message: 'no' }, 'something_new: no'],
    ['a status', 403, { status: 'error', message: 'no' }, 'no'],
    ['a flag', 400, { success: false, message: 'no' }, 'no'],
  ])('is not an outage if its words are unknown: %s', async (_form, status, body, detail) => {
    expect(await refused(status, body)).toEqual(['rejected', 'unrecognized_error', detail]);
  });
});

describe('a refusal whose description is more precise than its code', () => {
  it.each<[number, string, string, string, string]>([
    [403, 'unauthorized_client', 'refresh_token is invalid', 'rejected', 'invalid_grant'],
    [401, 'invalid_request', 'session not found', 'rejected', 'invalid_grant'],
    [400, 'invalid_request', 'Refresh token is invalid', 'rejected', 'invalid_grant'],
    [
      401,
      'unauthorized_client',
      'Invalid client or Invalid client credentials',
      'rejected',
      'invalid_client',
    ],
    [400, 'invalid_request', 'missing refresh_token parameter', 'rejected', 'invalid_request'],
    [401, 'invalid_client', 'refresh token is invalid', 'rejected', 'invalid_client'],
    [400, 'invalid_scope', 'the refresh token is invalid for it', 'rejected', 'invalid_scope'],
    [
      400,
      'access_denied',
      'Rate limit exceeded: access_token not expired',
      'rejected',
      'too_early',
    ],
    [
      400,
      'invalid_grant',
      'AADSTS50196: The server terminated an operation because it encountered a client request loop.',
      'throttled',
      'rate_limited',
    ],
    [
      400,
      'Access Denied',
      'You have made too many requests continuously. Please try again after some time.',
      'throttled',
      'rate_limited',
    ],
    [403, 'quotaExceeded', '', 'throttled', 'rate_limited'],
  ])('%i %s "%s"', async (status, code, description, outcome, expected) => {
    const body = { error: code, error_description: description };
    expect((await refused(status, body)).slice(0, 2)).toEqual([outcome, expected]);
  });

  it('waits as long as Retry-After states, also with an unknown code', async () => {
    const headers = { 'retry-after': '120' };
    for (const word of ['quotaExceeded', 'something_new']) {
      const answer = { ...error(word), status: 403, headers };
      const { outcome, failure } = await exchangeAnswered(answer, { now: () => NOW });
      expect({ outcome, ...failure }).toMatchObject({
        outcome: 'throttled',
        code: 'rate_limited',
        retryAfterMs: 120_000,
        detail: word,
      });
    }
  });

  it('keeps its class with Retry-After if its code is known', async () => {
    expect((await refused(400, { error: 'invalid_grant' }, {}, { 'retry-after': '9' }))[1]).toBe(
      'invalid_grant',
    );
  });
});

describe('an answer that does not come from the authorization server', () => {
  it.each<[number, string, CannedAnswer]>([
    [400, 'HTML', HTML],
    [400, 'nothing', {}],
    [400, 'JSON without an error', { body: '{"message":"no"}' }],
    [400, 'an empty error', { body: '{"error":"","error_description":"no"}' }],
    [400, 'an array of nothing', { body: '[]' }],
    [400, 'a form without an error', { body: 'a=b&c=d' }],
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
  ])(
    'R2.5 has an unknown outcome and the class provider: %i with %s',
    async (status, _what, answer) => {
      const { outcome, failure } = await exchangeAnswered({ ...answer, status });
      expect(outcome).toBe('unknown');
      expect(failure).toMatchObject({ class: 'provider', code: 'provider_unavailable', status });
    },
  );
});

describe('throttling', () => {
  it.each<[number, string, string | undefined, number]>([
    [429, 'seconds', '120', 120_000],
    [429, 'a date', 'Sun, 22 Nov 2026 12:05:00 GMT', 300_000],
    [429, 'no Retry-After', undefined, 60_000],
    [429, 'a negative number', '-1', 60_000],
    [429, 'ten years', '315360000', 3_600_000],
    [503, 'seconds', '30', 30_000],
  ])('is recognised from %i with %s', async (status, _what, retryAfter, waitMs) => {
    const headers = retryAfter === undefined ? {} : { 'retry-after': retryAfter };
    const result = await exchangeAnswered({ ...HTML, status, headers }, { now: () => NOW });
    expect(result.outcome).toBe('throttled');
    expect(result.failure).toMatchObject({ class: 'rate', status, retryAfterMs: waitMs });
  });

  it('takes precedence over an OAuth error in the same answer', async () => {
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
  it('accepts the request, and refuses a revoked grant and a replaced secret', async () => {
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
