import {
  accessTokenOf,
  basic,
  CLIENT_ID,
  CLIENT_SECRET,
  post,
  refresh,
  sandboxForTest,
  stopSandboxes,
} from './_token-client';

const SCOPE = 'https://api.ebay.com/oauth/api_scope';

const form = (members: Record<string, string>) => new URLSearchParams(members).toString();

afterEach(stopSandboxes);

describe('a refresh that eBay accepts', () => {
  it('returns a new access token for two hours and no refresh token', async () => {
    const sandbox = await sandboxForTest();
    const grant = sandbox.issueGrant({ provider: 'ebay', subject: 'harbour_books' });

    const response = await refresh(sandbox, grant.refresh_token);

    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('application/json');
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(response.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
    const date = Date.parse(response.headers.get('date') ?? '');
    expect(Math.abs(Date.now() - date)).toBeLessThan(60_000);
    expect(await response.clone().json()).toEqual({
      access_token: expect.stringMatching(/^v\^1\.1#i\^1#.*#r\^0#.*t\^H4sI/),
      expires_in: 7200,
      token_type: 'User Access Token',
    });
    const accessToken = await accessTokenOf(response);
    expect(accessToken).not.toBe(grant.access_token);
    expect(sandbox.isAccessTokenActive(accessToken)).toBe(true);
  });

  it('accepts the same refresh token any number of times, also concurrently', async () => {
    const sandbox = await sandboxForTest();
    const { refresh_token } = sandbox.issueGrant({ provider: 'ebay', subject: 'harbour_books' });

    const responses = await Promise.all(
      Array.from({ length: 50 }, () => refresh(sandbox, refresh_token)),
    );

    expect(responses.map(({ status }) => status)).toEqual(Array(50).fill(200));
    const tokens = await Promise.all(responses.map(accessTokenOf));
    expect(new Set(tokens).size).toBe(50);
  });

  it('accepts a scope of the grant', async () => {
    const sandbox = await sandboxForTest();
    const grant = sandbox.issueGrant({ provider: 'ebay', subject: 's', scopes: [SCOPE, 'more'] });
    const response = await refresh(sandbox, grant.refresh_token, { scope: SCOPE });
    expect(response.status).toBe(200);
  });

  it('can have a shorter token lifetime, for the whole sandbox or for one grant', async () => {
    const sandbox = await sandboxForTest({ accessTokenLifeSeconds: 90 });
    const short = sandbox.issueGrant({ provider: 'ebay', subject: 'short' });
    const shorter = sandbox.issueGrant({
      provider: 'ebay',
      subject: 'shorter',
      accessTokenLifeSeconds: 5,
    });

    const answers = await Promise.all([
      refresh(sandbox, short.refresh_token),
      refresh(sandbox, shorter.refresh_token),
    ]);

    const bodies = await Promise.all(answers.map((response) => response.json()));
    expect(bodies).toMatchObject([{ expires_in: 90 }, { expires_in: 5 }]);
  });

  it('puts the secret marker of the grant into all its tokens', async () => {
    const sandbox = await sandboxForTest();
    const grant = sandbox.issueGrant({
      provider: 'ebay',
      subject: 'marked',
      secretMarker: 'LEAK0marker0LEAK',
    });
    const later = await accessTokenOf(await refresh(sandbox, grant.refresh_token));
    for (const token of [grant.access_token, grant.refresh_token, later]) {
      expect(token).toContain('LEAK0marker0LEAK');
    }
  });

  it('accepts only the new client secret after a replacement', async () => {
    const sandbox = await sandboxForTest();
    const { refresh_token } = sandbox.issueGrant({ provider: 'ebay', subject: 's' });
    const body = form({ grant_type: 'refresh_token', refresh_token });

    sandbox.setClientSecret('rolled');

    expect((await post(sandbox, body, { authorization: basic() })).status).toBe(401);
    const rolled = await post(sandbox, body, { authorization: basic(CLIENT_ID, 'rolled') });
    expect(rolled.status).toBe(200);
  });
});

describe('a request that eBay refuses', () => {
  const refusals = {
    invalid_client: [401, 'client authentication failed'],
    invalid_grant: [
      400,
      'the provided authorization refresh token is invalid or was issued to another client',
    ],
    unsupported_grant_type: [400, undefined],
    invalid_request: [400, 'request is missing a required parameter or malformed.'],
    invalid_scope: [
      400,
      'The requested scope is invalid, unknown, malformed, or exceeds the scope granted to the client',
    ],
  } as const;

  const good = { grant_type: 'refresh_token' };
  const signedIn = { authorization: basic() };

  const cases: [
    name: string,
    error: keyof typeof refusals,
    headers: Record<string, string>,
    body: (refreshToken: string) => string,
  ][] = [
    [
      'a wrong client id',
      'invalid_client',
      { authorization: basic('someone-else') },
      (t) => form({ ...good, refresh_token: t }),
    ],
    [
      'a wrong client secret',
      'invalid_client',
      { authorization: basic(CLIENT_ID, 'wrong') },
      (t) => form({ ...good, refresh_token: t }),
    ],
    [
      'form-encoded credentials, which eBay does not document',
      'invalid_client',
      { authorization: basic(CLIENT_ID.replaceAll('-', '%2D'), CLIENT_SECRET) },
      (t) => form({ ...good, refresh_token: t }),
    ],
    ['a missing Basic header', 'invalid_client', {}, (t) => form({ ...good, refresh_token: t })],
    [
      'a Bearer header in place of Basic',
      'invalid_client',
      { authorization: 'Bearer abc' },
      (t) => form({ ...good, refresh_token: t }),
    ],
    [
      'the client secret in the body instead',
      'invalid_client',
      {},
      (t) =>
        form({ ...good, refresh_token: t, client_id: CLIENT_ID, client_secret: CLIENT_SECRET }),
    ],
    [
      'the client secret in the body as well',
      'invalid_request',
      signedIn,
      (t) => form({ ...good, refresh_token: t, client_secret: CLIENT_SECRET }),
    ],
    [
      'a refresh token that is still encrypted',
      'invalid_grant',
      signedIn,
      (t) => form({ ...good, refresh_token: `ENC:v1:k1:${t}` }),
    ],
    [
      'an unknown refresh token',
      'invalid_grant',
      signedIn,
      () => form({ ...good, refresh_token: 'v^1.1#i^1#f^0#p^3#I^3#r^1#t^Ul4xXzA' }),
    ],
    [
      'a refresh token with a trailing space',
      'invalid_grant',
      signedIn,
      (t) => form({ ...good, refresh_token: `${t} ` }),
    ],
    [
      'another grant type',
      'unsupported_grant_type',
      signedIn,
      (t) => form({ grant_type: 'password', refresh_token: t }),
    ],
    ['no grant type', 'unsupported_grant_type', signedIn, (t) => form({ refresh_token: t })],
    [
      'JSON instead of a form',
      'unsupported_grant_type',
      { ...signedIn, 'content-type': 'application/json' },
      (t) => JSON.stringify({ ...good, refresh_token: t }),
    ],
    ['no refresh token', 'invalid_request', signedIn, () => form(good)],
    [
      'an empty refresh token',
      'invalid_request',
      signedIn,
      () => form({ ...good, refresh_token: '' }),
    ],
    [
      'a parameter given twice',
      'invalid_request',
      signedIn,
      (t) => `${form({ ...good, refresh_token: t })}&grant_type=refresh_token`,
    ],
    [
      'a body beyond 64 kB',
      'invalid_request',
      signedIn,
      (t) => form({ ...good, refresh_token: t, padding: 'x'.repeat(70_000) }),
    ],
    [
      'a scope that the grant lacks',
      'invalid_scope',
      signedIn,
      (t) => form({ ...good, refresh_token: t, scope: `${SCOPE}/sell.finances` }),
    ],
  ];

  it.each(cases)('is %s: %s', async (_name, error, headers, body) => {
    const sandbox = await sandboxForTest();
    const grant = sandbox.issueGrant({ provider: 'ebay', subject: 'harbour_books' });
    const [status, error_description] = refusals[error];

    const response = await post(sandbox, body(grant.refresh_token), headers);

    expect(await response.json()).toEqual({ error, error_description });
    expect(response.status).toBe(status);
    expect(response.headers.get('www-authenticate') !== null).toBe(status === 401);
    expect(sandbox.ledger.map(({ event }) => event)).toEqual(['received', 'answered']);
    expect(sandbox.ledger[1]).toMatchObject({ outcome: error, status });
  });

  it('can be for a grant that its owner revoked, whose access token stops working too', async () => {
    const sandbox = await sandboxForTest();
    const grant = sandbox.issueGrant({ provider: 'ebay', subject: 'harbour_books' });
    expect(sandbox.isAccessTokenActive(grant.access_token)).toBe(true);

    sandbox.revoke(grant.refresh_token);

    const response = await refresh(sandbox, grant.refresh_token);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: 'invalid_grant' });
    expect(sandbox.isAccessTokenActive(grant.access_token)).toBe(false);
  });

  it('can have a refresh token older than eighteen months', async () => {
    let now = new Date('2026-01-01T00:00:00Z');
    const sandbox = await sandboxForTest({ now: () => now });
    const grant = sandbox.issueGrant({ provider: 'ebay', subject: 'harbour_books' });
    expect(grant.expires_at).toBe('2026-01-01T02:00:00.000Z');
    now = new Date('2027-07-15T00:00:00Z');
    const response = await refresh(sandbox, grant.refresh_token);
    expect(await response.json()).toMatchObject({ error: 'invalid_grant' });
  });

  it('can have another path or another method', async () => {
    const sandbox = await sandboxForTest();
    expect((await fetch(`${sandbox.url}/oauth/token`, { method: 'POST' })).status).toBe(404);
    expect((await fetch(sandbox.tokenEndpoint('ebay'))).status).toBe(405);
  });
});

describe('the sandbox', () => {
  it('refuses a secret marker with characters that a form or a header changes', async () => {
    const sandbox = await sandboxForTest();
    expect(() =>
      sandbox.issueGrant({ provider: 'ebay', subject: 's', secretMarker: 'a b' }),
    ).toThrow('secretMarker');
  });

  it('refuses to revoke an unknown token, without repeating the token', async () => {
    const sandbox = await sandboxForTest();
    expect(() => sandbox.revoke('v^1.1#unheard')).toThrow(/^no grant of the sandbox has/);
  });
});
