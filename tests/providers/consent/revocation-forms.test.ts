/** Revocations that differ from RFC 7009, and requests for the identity that are not a plain GET. */
import { Secret } from '../../../src/domain/masking/secret';
import { consentWith } from '../../../src/providers/catalogue/example-exchange';
import { ConfiguredProviders } from '../../../src/providers/config/configured-providers';
import { readProvider } from '../../../src/providers/config/provider-entry';
import { revokeToken } from '../../../src/providers/consent/revocation';
import { AnswerLostError, type TransportRequest } from '../../../src/providers/exchange/transport';
import { adapterWith } from '../catalogue/_invented';

jest.mock(
  '../../../src/providers/adapters/registry',
  () => jest.requireActual<{ registry: object }>('../catalogue/_invented').registry,
);

const URL_OF_FILE = 'https://as.example.com/revoke';

interface Answer {
  status?: number;
  body?: unknown;
  headers?: [string, string][];
}

async function revokeWith(
  request: object | undefined,
  answer: Answer | Error = {},
  {
    hint = 'access_token' as const,
    url = URL_OF_FILE,
    entry = {},
    file = {},
  }: {
    hint?: 'access_token' | 'refresh_token';
    url?: string;
    entry?: object;
    file?: object;
  } = {},
) {
  const own = { url, effect: 'It ends.', ...(request === undefined ? {} : { request }) };
  adapterWith({ ...file, revocation: own });
  const problems: string[] = [];
  const credentials = { clientId: 'client id', clientSecret: 'client-secret' };
  const config = readProvider(
    'it',
    { adapter: 'invented', ...credentials, ...entry },
    null,
    problems,
  );
  expect(problems).toEqual([]);
  const provider = config === null ? undefined : new ConfiguredProviders([config]).find('it');
  const environment = provider?.environments.get('production');
  if (environment === undefined) throw new Error('no environment');
  const sent: TransportRequest[] = [];
  const transport = {
    send: async (one: TransportRequest) => {
      sent.push(one);
      if (answer instanceof Error) throw answer;
      const { status = 200, body = {}, headers = [] } = answer;
      return { status, headers, body: JSON.stringify(body), compressed: null, cut: null };
    },
  };
  const input = { environment, externalId: 'x', token: new Secret('the-token'), hint };
  const revocation = await revokeToken(input, { transport, now: () => new Date() });
  return { ...revocation, sent, request: sent[0] };
}

const bearer = { body: 'none', headers: { authorization: 'Bearer {token}' } };

describe('the request of a revocation', () => {
  it('presents the token in a header, without a body', async () => {
    const { request, result } = await revokeWith(bearer);
    expect(request).toMatchObject({
      url: URL_OF_FILE,
      method: 'POST',
      headers: { authorization: 'Bearer the-token' },
    });
    expect(request?.body).toBeUndefined();
    expect(result).toBe('revoked');
  });

  it('is a DELETE with Basic, a JSON body and the client id in the path', async () => {
    const form = {
      method: 'DELETE',
      body: 'json',
      parameters: { access_token: '{token}' },
      headers: { authorization: 'Basic {basic}' },
    };
    const url = 'https://as.example.com/applications/{clientId}/grant';
    const { request } = await revokeWith(form, {}, { url });
    expect(request).toMatchObject({
      url: 'https://as.example.com/applications/client%20id/grant',
      method: 'DELETE',
      body: '{"access_token":"the-token"}',
    });
    const [, pair = ''] = request?.headers['authorization']?.split(' ') ?? [];
    expect(Buffer.from(pair, 'base64').toString()).toBe('client id:client-secret');
    expect(request?.headers['content-type']).toBe('application/json');
  });

  it('has renamed parameters in a form, with the credentials of the app', async () => {
    const parameters = { client_key: '{clientId}', secret: '{clientSecret}', token: '{token}' };
    const { request } = await revokeWith({ parameters });
    expect(Object.fromEntries(new URLSearchParams(request?.body))).toEqual({
      client_key: 'client id',
      secret: 'client-secret',
      token: 'the-token',
    });
  });

  it('leaves out the secret of a public client', async () => {
    const parameters = { client_secret: '{clientSecret}', token: '{token}' };
    const token = { url: 'https://as.example.com/token', clientAuthentication: ['none'] };
    const entry = { clientSecret: '' };
    const { request } = await revokeWith({ parameters }, {}, { entry, file: { token } });
    expect(request?.body).toBe('token=the-token');
  });

  it('has the token in the query only', async () => {
    const form = { body: 'query', parameters: { token: '{token}' } };
    const { request } = await revokeWith(form);
    expect(request?.url).toBe(`${URL_OF_FILE}?token=the-token`);
    expect(request?.body).toBeUndefined();
  });

  it('is not sent for a token that the provider does not revoke', async () => {
    const { sent, result } = await revokeWith(
      { ...bearer, token: 'access_token' },
      {},
      { hint: 'refresh_token' },
    );
    expect([sent.length, result]).toEqual([0, 'not_supported']);
  });

  it('is that of RFC 7009 if the file names no other', async () => {
    const { request } = await revokeWith(undefined);
    expect(Object.fromEntries(new URLSearchParams(request?.body))).toMatchObject({
      token: 'the-token',
      token_type_hint: 'access_token',
    });
  });

  it('is never sent to the file if the token endpoint is another server', async () => {
    const entry = { tokenEndpoint: 'https://other.example.com/token' };
    const { sent, result } = await revokeWith(bearer, {}, { entry });
    expect([sent.length, result]).toEqual([0, 'not_supported']);
  });

  it('goes to a configured revocation endpoint in the form of the file', async () => {
    const entry = { revocationEndpoint: 'https://other.example.com/end' };
    const { request } = await revokeWith(bearer, {}, { entry });
    expect(request).toMatchObject({
      url: 'https://other.example.com/end',
      headers: { authorization: 'Bearer the-token' },
    });
  });
});

describe('the result of a revocation', () => {
  const judge = [
    { status: [200], path: 'ok', equals: true, means: 'revoked' },
    { status: [200], path: 'error', equals: 'token_revoked', means: 'revoked' },
    { status: [200], path: 'error', equals: 'ratelimited', means: 'unknown' },
    { status: [200], path: 'error', means: 'refused' },
    { status: [404], means: 'revoked' },
  ];
  it.each<[Answer, string]>([
    [{ body: { ok: true } }, 'revoked'],
    [{ body: { ok: false, error: 'token_revoked' } }, 'revoked'],
    [{ body: { ok: false, error: 'ratelimited' } }, 'unknown'],
    [{ body: { ok: false, error: 'invalid_auth' } }, 'refused'],
    [{ status: 404 }, 'revoked'],
    [{ status: 204 }, 'revoked'],
    [{ status: 401 }, 'refused'],
    [{ status: 429 }, 'unknown'],
    [{ status: 503 }, 'unknown'],
    [{ status: 302 }, 'unknown'],
  ])('of %j is %s', async (answer, expected) => {
    expect((await revokeWith({ ...bearer, judge }, answer)).result).toBe(expected);
  });

  it('is unknown without an answer', async () => {
    expect((await revokeWith(bearer, new AnswerLostError('ECONNRESET'))).result).toBe('unknown');
  });

  it('has the wait that the provider asks for', async () => {
    const answer: Answer = { status: 429, headers: [['Retry-After', '7']] };
    expect((await revokeWith(bearer, answer)).retryAfterMs).toBe(7000);
  });
});

describe('a file', () => {
  const effect = 'It ends.';
  it.each([
    [{ effect, request: bearer }, /requires revocation\.url/],
    [{ effect, url: URL_OF_FILE, request: { body: 'json' } }, /\{token\} must be in/],
    [
      { effect, url: URL_OF_FILE, request: { ...bearer, parameters: { a: 'b' } } },
      /must be empty, because body is none/,
    ],
    [{ effect, url: 'https://as.example.com/{clientId}' }, /neither an input/],
  ])('with the revocation %j is not valid', (revocation, problem) => {
    expect(() => adapterWith({ revocation })).toThrow(problem);
  });
});

describe('a request for the identity', () => {
  const answer = { access_token: 'at-1', refresh_token: 'rt-2', token_type: 'bearer' };
  const from = { from: 'request', url: 'https://api.example.com/graphql' };
  const ask = (identity: object, body: object) =>
    consentWith(adapterWith({ identity }), { code: 'code-1' }, { body: { ...answer, ...body } });

  it('is a POST with a body and further headers', async () => {
    const identity = {
      ...from,
      method: 'POST',
      body: { contentType: 'application/json', text: '{"query":"{ viewer { id } }"}' },
      headers: { 'api-version': '2025-09-03' },
      subject: 'data.viewer.id',
    };
    const { sent, outcome } = await ask(identity, { data: { viewer: { id: 'U1' } } });
    expect(sent[1]).toMatchObject({
      method: 'POST',
      body: '{"query":"{ viewer { id } }"}',
      headers: {
        authorization: 'Bearer at-1',
        'content-type': 'application/json',
        'api-version': '2025-09-03',
      },
    });
    expect(outcome).toMatchObject({ subject: { value: 'U1' } });
  });

  it('may present the token in another way', async () => {
    const headers = { authorization: 'Token {accessToken}' };
    const { sent } = await ask({ ...from, headers, subject: 'id' }, { id: 'U1' });
    expect(sent[1]).toMatchObject({ method: 'GET', headers: { authorization: 'Token at-1' } });
  });

  it('composes the subject of several members, which no other members can equal', async () => {
    const identity = { ...from, subject: ['data.id', 'data.company'] };
    const one = await ask(identity, { data: { id: 7, company: '1,2' } });
    expect(one.outcome).toMatchObject({ subject: { value: '["7","1,2"]' } });
    const without = await ask(identity, { data: { id: 7 } });
    expect(without.outcome).toMatchObject({ kind: 'granted', subject: null });
  });

  it('reads the only element of a list', async () => {
    const { outcome } = await ask({ ...from, subject: 'data.id' }, { data: [{ id: 'A1' }] });
    expect(outcome).toMatchObject({ subject: { value: 'A1' } });
  });

  it('composes the subject of members of the answer', async () => {
    const { outcome } = await ask(
      { from: 'answer', subject: ['team.id', 'user'] },
      { team: { id: 'T1' }, user: 'U1' },
    );
    expect(outcome).toMatchObject({ subject: { value: '["T1","U1"]' } });
  });

  it('is never sent to the file if the token endpoint is another server', async () => {
    const entry = {
      tokenEndpoint: 'https://other.example.com/token',
      authorizationEndpoint: 'https://other.example.com/authorize',
    };
    const adapter = adapterWith({ identity: { ...from, subject: 'id' } });
    const body = { ...answer, id: 'U1' };
    const { sent } = await consentWith(adapter, { code: 'code-1' }, { body }, { entry });
    expect(sent.map(({ url }) => url)).toEqual(['https://other.example.com/token']);
  });
});
