/** Token requests of accounts with credentials: the bytes that are sent, and the parts of the answer that count. */
import { generateKeyPairSync } from 'node:crypto';
import { jwtVerify } from 'jose';
import type { CredentialsGrant } from '../../../src/domain/account/grant-type';
import { Secret } from '../../../src/domain/masking/secret';
import { exchangeCredentials } from '../../../src/providers/exchange/credentials-exchange';
import {
  type GrantCredentials,
  storedCredentials,
} from '../../../src/providers/exchange/grant-credentials';
import type { ReceivedGrant } from '../../../src/providers/exchange/received-grant';
import { createTransport } from '../../../src/providers/exchange/transport';
import type { Provider } from '../../../src/providers/provider';
import {
  type CannedAnswer,
  CLIENT_ID,
  CLIENT_SECRET,
  cannedProvider,
  ebayAt,
  oauth2At,
  send,
  stopProviders,
} from '../_provider';

const NOW = new Date('2026-11-22T12:00:00.000Z');
const RSA = generateKeyPairSync('rsa', { modulusLength: 2048 });
const EC = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const pem = ({ privateKey }: typeof RSA) =>
  String(privateKey.export({ format: 'pem', type: 'pkcs8' }));
const OK: CannedAnswer = {
  body: JSON.stringify({ access_token: 'token-1', token_type: 'Bearer', expires_in: 3600 }),
};

afterEach(stopProviders);

async function exchanged(
  credentials: GrantCredentials,
  grantType: CredentialsGrant,
  {
    of = (url) => oauth2At(url),
    answer = OK,
  }: { of?: (url: string) => Provider; answer?: CannedAnswer } = {},
) {
  const server = await cannedProvider(answer);
  let authorization: string | undefined;
  let form = new URLSearchParams();
  server.answer = (request, response) => {
    ({ authorization } = request.headers);
    send(response, answer);
  };
  const provider = of(server.url);
  const environment = provider.environments.get('production');
  if (environment === undefined) throw new Error('no environment');
  const received: ReceivedGrant[] = [];
  const transport = createTransport();
  const exchange = await exchangeCredentials(
    {
      provider,
      environment,
      account: { externalId: 'robot' },
      refreshToken: new Secret(storedCredentials(credentials)),
      capture: true,
      mayBeSent: () => Promise.resolve(true),
      receive: (grant) => received.push(grant),
    },
    grantType,
    {
      transport: {
        send(request) {
          form = new URLSearchParams(request.body);
          return transport.send(request);
        },
      },
      now: () => NOW,
    },
  );
  const assertion = form.get('assertion') ?? '';
  return {
    exchange,
    received,
    authorization,
    form: Object.fromEntries(form),
    assertion,
    url: server.url,
  };
}

const basic = (id: string, secret: string) =>
  `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`;

const catalogue = (adapter: string) => (url: string) => oauth2At(url, { id: adapter, adapter });

describe('client_credentials', () => {
  it('sends the OAuth app and the default scope of eBay', async () => {
    const { form, authorization, exchange } = await exchanged({}, 'client_credentials', {
      of: ebayAt,
      answer: {
        body: JSON.stringify({
          access_token: 'token-1',
          token_type: 'Application Access Token',
          expires_in: 7200,
        }),
      },
    });
    expect(form).toEqual({
      grant_type: 'client_credentials',
      scope: 'https://api.ebay.com/oauth/api_scope',
    });
    expect(authorization).toBe(basic(CLIENT_ID, CLIENT_SECRET));
    expect(exchange).toMatchObject({ outcome: 'ok', failure: null, warnings: [] });
  });

  it('sends an own client in the way of the provider, its scopes and its parameters', async () => {
    const own = {
      client_id: 'own-client',
      client_secret: 'own-secret',
      scopes: ['a', 'b'],
      parameters: { resource: 'https://api.example' },
    };
    const posted = await exchanged(own, 'client_credentials');
    expect(posted.form).toEqual({
      grant_type: 'client_credentials',
      client_id: 'own-client',
      client_secret: 'own-secret',
      scope: 'a b',
      resource: 'https://api.example',
    });
    const toEbay = await exchanged(own, 'client_credentials', { of: ebayAt });
    expect(toEbay.authorization).toBe(basic('own-client', 'own-secret'));
  });

  it('sends the parameters of a Box account, and only the grant type and the client to PayPal', async () => {
    const parameters = { box_subject_type: 'enterprise', box_subject_id: '42' };
    const box = await exchanged({ parameters }, 'client_credentials', { of: catalogue('box') });
    expect(box.form).toEqual({
      grant_type: 'client_credentials',
      client_id: CLIENT_ID,
      client_secret: CLIENT_SECRET,
      ...parameters,
    });
    const paypal = await exchanged({}, 'client_credentials', { of: catalogue('paypal') });
    expect(paypal.form).toEqual({
      grant_type: 'client_credentials',
      client_id: CLIENT_ID,
      client_secret: CLIENT_SECRET,
    });
  });

  it('authenticates an own client with its key', async () => {
    const { form } = await exchanged(
      { client_id: 'own-client', private_key: pem(RSA) },
      'client_credentials',
    );
    const { payload } = await jwtVerify(form['client_assertion'] ?? '', RSA.publicKey);
    expect(payload).toMatchObject({ iss: 'own-client', sub: 'own-client' });
    expect(form['client_secret']).toBeUndefined();
  });

  it('ignores a refresh token in the answer, which would replace the credentials', async () => {
    const { received } = await exchanged({}, 'client_credentials', {
      of: (url) => ({ ...oauth2At(url), consentLifeSeconds: 3600 }),
      answer: {
        body: JSON.stringify({
          access_token: 'token-1',
          token_type: 'Bearer',
          expires_in: 60,
          refresh_token: 'unwanted',
          refresh_token_expires_in: 60,
        }),
      },
    });
    expect(received).toMatchObject([
      { refreshToken: null, refreshTokenExpiry: { expiresAt: null, isStated: false } },
    ]);
    expect(received[0]?.accessToken?.reveal()).toBe('token-1');
    expect(received[0]).not.toHaveProperty('refreshTokenEndsAt');
  });

  it('stores nothing of an answer that has only a refresh token, and counts it as a failure', async () => {
    const { received, exchange } = await exchanged({}, 'client_credentials', {
      answer: { body: JSON.stringify({ refresh_token: 'unwanted', token_type: 'Bearer' }) },
    });
    expect(received).toEqual([]);
    expect(exchange.failure?.code).toBe('invalid_token_response');
  });

  it('blames the account for stored credentials that cannot be read, and not the provider', async () => {
    const { exchange } = await exchanged({ scopes: [''] }, 'client_credentials');
    expect(exchange).toMatchObject({
      outcome: 'not_sent',
      failure: { code: 'row_corrupt', class: 'account' },
    });
  });

  it('shows no secret in the log, also if the answer quotes the credentials', async () => {
    const key = pem(RSA);
    const own = { client_id: 'own-client', client_secret: 'planted-secret' };
    const parameters = { password: 'planted-secret', requested_token_type: 'kind-of-token' };
    const assertion = { issuer: 'robot', private_key: key };
    for (const [credentials, grantType] of [
      [own, 'client_credentials'],
      [{ parameters }, 'client_credentials'],
      [assertion, 'jwt_bearer'],
    ] as const) {
      const first = await exchanged(credentials, grantType);
      const line = key.split('\n')[3] ?? '';
      const quote = `${JSON.stringify(credentials)} ${line} ${first.assertion}`;
      const { exchange } = await exchanged(credentials, grantType, {
        answer: {
          status: 400,
          body: JSON.stringify({ error: 'invalid_client', error_description: quote }),
        },
      });
      const shown = JSON.stringify([first.exchange, exchange]);
      expect(shown).toContain('invalid_client');
      expect(shown).not.toContain('planted-secret');
      expect(shown.includes('kind-of-token')).toBe('parameters' in credentials);
      expect(shown).not.toContain(line);
      expect(shown).not.toContain(first.assertion || 'no assertion');
    }
  });
});

describe('jwt_bearer', () => {
  const CLAIMS = { iss: 'robot', sub: 'alma', iat: NOW.getTime() / 1000 };

  it.each([
    ['RS256', RSA],
    ['ES256', EC],
  ] as const)('signs an assertion of at most five minutes with %s', async (alg, pair) => {
    const { form, assertion, url } = await exchanged(
      {
        issuer: 'robot',
        subject: 'alma',
        key_id: 'key-1',
        private_key: pem(pair),
        scopes: ['a', 'b'],
        claims: { tenant: 't-1' },
      },
      'jwt_bearer',
    );
    expect(form).toEqual({
      grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
      assertion,
      scope: 'a b',
    });
    const { payload, protectedHeader } = await jwtVerify(assertion, pair.publicKey, {
      audience: url,
      currentDate: NOW,
    });
    expect(protectedHeader).toMatchObject({ alg, kid: 'key-1' });
    expect(payload).toMatchObject({ ...CLAIMS, tenant: 't-1', exp: CLAIMS.iat + 300 });
  });

  it('signs a new assertion for each request', async () => {
    const credentials = { issuer: 'robot', private_key: pem(RSA) };
    const [one, other] = [
      await exchanged(credentials, 'jwt_bearer'),
      await exchanged(credentials, 'jwt_bearer'),
    ];
    expect(one.assertion).not.toBe(other.assertion);
  });

  it('follows the rules of Google: scopes as a claim, no client, no subject unless stated', async () => {
    const credentials = { issuer: 'robot@example', private_key: pem(RSA), scopes: ['a', 'b'] };
    const { form, assertion } = await exchanged(credentials, 'jwt_bearer', {
      of: catalogue('google'),
    });
    expect(Object.keys(form).toSorted()).toEqual(['assertion', 'grant_type']);
    const { payload } = await jwtVerify(assertion, RSA.publicKey, { currentDate: NOW });
    expect(payload).toMatchObject({ iss: 'robot@example', scope: 'a b' });
    expect(payload.sub).toBeUndefined();
  });

  it('follows the rules of Docusign: its host as the audience, and its scopes', async () => {
    const credentials = { issuer: 'key-1', subject: 'user-1', private_key: pem(RSA) };
    const { assertion } = await exchanged(credentials, 'jwt_bearer', { of: catalogue('docusign') });
    const { payload } = await jwtVerify(assertion, RSA.publicKey, { currentDate: NOW });
    expect(payload).toMatchObject({
      aud: 'account.docusign.com',
      sub: 'user-1',
      scope: 'signature impersonation',
    });
  });

  it('follows the rules of Box: a client beside the assertion, which lives less than a minute', async () => {
    const credentials = {
      subject: '42',
      claims: { box_sub_type: 'enterprise' },
      private_key: pem(RSA),
    };
    const { form, assertion } = await exchanged(credentials, 'jwt_bearer', {
      of: catalogue('box'),
    });
    expect(form).toMatchObject({ client_id: CLIENT_ID, client_secret: CLIENT_SECRET });
    const { payload } = await jwtVerify(assertion, RSA.publicKey, { currentDate: NOW });
    expect(payload).toMatchObject({ iss: CLIENT_ID, sub: '42', box_sub_type: 'enterprise' });
    expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBeLessThan(60);
  });
});
