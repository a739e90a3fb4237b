/**
 * The adapter `oauth2` with an independent server that the OpenID Foundation certified, over HTTP. The server is as
 * strict as possible: a replayed refresh token revokes the family.
 */
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConfiguredProviders } from '../../../src/providers/config/configured-providers';
import { readProviders } from '../../../src/providers/config/providers-file';
import { createTransport, type Transport } from '../../../src/providers/exchange/transport';
import type { Provider } from '../../../src/providers/provider';
import {
  ACCESS_TOKEN_LIFE_SECONDS,
  type AuthorizationServer,
  SCOPES,
  startAuthorizationServer,
} from '../_oidc-provider';
import { type Exchanged, exchangeAt, stopProviders } from '../_provider';

/** Characters that a form encodes, and others that it must not change. `%2B` must not become a plus. */
const ODD = 'p-r.d_1:2+3 4%5%2B6/7=8&9"~*\'()$&';
const SECRET = `secret ${ODD} of the client`;
const odd = (name: string) => `${name} ${ODD}`;

const KEYS = {
  'P-256': () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  RSA: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
  Ed25519: () => generateKeyPairSync('ed25519'),
};
const pem = (key: KeyObject) => key.export({ type: 'pkcs8', format: 'pem' }).toString();

/** Values of the environment variables `${CRM_…}`. */
type Environment = Record<string, string>;

interface Method {
  /** The client's registration at the server. */
  registered: object;
  environment: Environment;
  /** The lines of the provider entry for this method. */
  lines: string[];
  /** The same client with invalid credentials. */
  wrong: Environment;
}

function signing(name: keyof typeof KEYS, format: 'pem' | 'jwk'): Method {
  const { publicKey, privateKey } = KEYS[name]();
  const jwk = { ...publicKey.export({ format: 'jwk' }), kid: name };
  return {
    registered: {
      token_endpoint_auth_method: 'private_key_jwt',
      jwks: { keys: [jwk] },
    },
    environment: {
      CRM_PRIVATE_KEY:
        format === 'jwk' ? JSON.stringify(privateKey.export({ format })) : pem(privateKey),
    },
    lines: [
      'clientAuthentication: private_key_jwt',
      'privateKey: ${CRM_PRIVATE_KEY}',
      `keyId: ${name}`,
    ],
    wrong: { CRM_PRIVATE_KEY: pem(KEYS[name]().privateKey) },
  };
}

const METHODS: Record<string, Method> = {
  client_secret_basic: {
    registered: { token_endpoint_auth_method: 'client_secret_basic', client_secret: SECRET },
    environment: { CRM_CLIENT_SECRET: SECRET },
    lines: ['clientSecret: ${CRM_CLIENT_SECRET}'],
    // The secret if the server or the client decoded a plus as a blank.
    wrong: { CRM_CLIENT_SECRET: SECRET.replaceAll('+', ' ') },
  },
  client_secret_post: {
    registered: { token_endpoint_auth_method: 'client_secret_post', client_secret: SECRET },
    environment: { CRM_CLIENT_SECRET: SECRET },
    lines: ['clientAuthentication: client_secret_post', 'clientSecret: ${CRM_CLIENT_SECRET}'],
    wrong: { CRM_CLIENT_SECRET: SECRET.replaceAll('%2B', '+') },
  },
  'private_key_jwt, with a P-256 key in PEM': signing('P-256', 'pem'),
  'private_key_jwt, with an RSA key in PEM': signing('RSA', 'pem'),
  'private_key_jwt, with an Ed25519 key as JWK': signing('Ed25519', 'jwk'),
  none: {
    registered: { token_endpoint_auth_method: 'none' },
    environment: {},
    lines: ['clientAuthentication: none'],
    // A public client can only have a wrong id.
    wrong: { CRM_CLIENT_ID: odd('nobody') },
  },
};

const ADDRESSES = {
  'only its issuer': ({ issuer }: AuthorizationServer) => [`issuer: ${issuer}`],
  'only its token endpoint': ({ tokenEndpoint }: AuthorizationServer) => [
    `tokenEndpoint: ${tokenEndpoint}`,
  ],
  both: ({ issuer, tokenEndpoint }: AuthorizationServer) => [
    `issuer: ${issuer}`,
    `tokenEndpoint: ${tokenEndpoint}`,
  ],
};

let server: AuthorizationServer;
let directory: string;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'evergrant-oidc-provider-'));
  server = await startAuthorizationServer(
    Object.entries(METHODS).map(([name, { registered }]) => ({
      client_id: odd(name),
      ...registered,
    })),
  );
});
afterEach(stopProviders);
afterAll(async () => {
  await server.close();
  rmSync(directory, { recursive: true });
});

/** Loads an entry of `providers.yaml` with secrets from the environment, as at start. */
function configured(lines: string[], environment: Environment): Provider {
  const file = join(directory, 'providers.yaml');
  const entry = ['adapter: oauth2', 'clientId: ${CRM_CLIENT_ID}', ...lines];
  writeFileSync(file, ['providers:', '  crm:', ...entry.map((line) => `    ${line}`)].join('\n'));
  const problems: string[] = [];
  const { providers } = readProviders({ ...environment, PROVIDERS_FILE: file }, null, problems);
  expect(problems).toEqual([]);
  const provider = new ConfiguredProviders(providers).find('crm');
  if (provider === undefined) throw new Error('no provider');
  return provider;
}

/** Returns the grant of a successful exchange, which must have both tokens. */
function granted({ received, ...exchange }: Exchanged) {
  expect(exchange).toMatchObject({ outcome: 'ok', failure: null, warnings: [] });
  expect(received).toHaveLength(1);
  const [grant] = received;
  const { accessToken, refreshToken } = grant ?? {};
  if (!grant || !accessToken || !refreshToken) throw new Error('not a new pair');
  return { ...grant, accessToken, refreshToken };
}

const REVOKED = {
  outcome: 'rejected',
  failure: { class: 'account', code: 'invalid_grant', status: 400 },
  received: [],
};

describe.each(Object.keys(ADDRESSES) as (keyof typeof ADDRESSES)[])(
  'a certified server, configured by %s',
  (address) => {
    describe.each(Object.entries(METHODS))('to a client that uses %s', (name, method) => {
      const clientId = odd(name);
      const provider = (environment: Environment = {}) =>
        configured([...ADDRESSES[address](server), ...method.lines], {
          CRM_CLIENT_ID: clientId,
          ...method.environment,
          ...environment,
        });

      it('gives a new pair for a refresh token, and another one for its successor', async () => {
        const crm = provider();
        const first = await server.grant(clientId);
        const second = granted(await exchangeAt('', { provider: crm, refreshToken: first }));
        const third = granted(
          await exchangeAt('', { provider: crm, refreshToken: second.refreshToken }),
        );
        expect(new Set([first, second.refreshToken, third.refreshToken]).size).toBe(3);
        expect(third.accessToken).not.toBe(second.accessToken);
        expect(await server.statusWith(third.accessToken)).toBe(200);
      });

      it('states expiry and scopes of the access token, which are stored', async () => {
        const exchange = await exchangeAt('', {
          provider: provider(),
          refreshToken: await server.grant(clientId),
        });
        const { expiresAt, refreshTokenExpiry, scopes } = granted(exchange);
        expect(expiresAt.getTime()).toBe(
          (exchange.sentAt?.getTime() ?? 0) + ACCESS_TOKEN_LIFE_SECONDS * 1000,
        );
        expect(refreshTokenExpiry.expiresAt).toBeNull();
        expect(scopes).toEqual(SCOPES);
      });

      it('refuses a used refresh token and its family, which is a failure of the account', async () => {
        const crm = provider();
        const used = await server.grant(clientId);
        const successor = granted(await exchangeAt('', { provider: crm, refreshToken: used }));
        expect(await server.statusWith(successor.accessToken)).toBe(200);

        expect(await exchangeAt('', { provider: crm, refreshToken: used })).toMatchObject(REVOKED);

        const { refreshToken, accessToken } = successor;
        expect(await exchangeAt('', { provider: crm, refreshToken })).toMatchObject(REVOKED);
        expect(await server.statusWith(accessToken)).toBe(401);
      });

      it('refuses wrong client authentication, which is a failure of the app, and the refresh token still works', async () => {
        const refreshToken = await server.grant(clientId);
        expect(
          await exchangeAt('', { provider: provider(method.wrong), refreshToken }),
        ).toMatchObject({
          outcome: 'rejected',
          failure: { class: 'app', code: 'invalid_client', status: 401 },
          received: [],
        });
        granted(await exchangeAt('', { provider: provider(), refreshToken }));
      });

      it('causes no token, assertion or secret in the record of an exchange, debug or not', async () => {
        const { transport, sent, answered } = listening();
        const refreshToken = await server.grant(clientId);
        const crm = provider();
        const again = { provider: crm, refreshToken, transport };
        const exchanges = [
          await exchangeAt('', { ...again, capture: true }),
          await exchangeAt('', { ...again, capture: true }),
          await exchangeAt('', {
            ...again,
            refreshToken: await server.grant(clientId),
            capture: false,
          }),
        ];
        expect(exchanges.map(({ outcome }) => outcome)).toEqual(['ok', 'rejected', 'ok']);
        // An access, a refresh and an ID token in each of two responses.
        expect(answered.size).toBe(6);
        const live = [...sent, ...answered, SECRET, ...Object.values(method.environment)];
        for (const { received: _received, ...kept } of exchanges) {
          const text = JSON.stringify(kept);
          for (const secret of live) {
            expect(text).not.toContain(secret);
            expect(text).not.toContain(JSON.stringify(secret).slice(1, -1));
            expect(text).not.toContain(secret.slice(-12));
          }
        }
      });
    });
  },
);

/** The real transport, recording all secrets that pass through it. */
function listening(): { transport: Transport; sent: Set<string>; answered: Set<string> } {
  const real = createTransport();
  const sent = new Set<string>();
  const answered = new Set<string>();
  const keep = (set: Set<string>, values: unknown[]) => {
    for (const value of values) if (typeof value === 'string') set.add(value);
  };
  const transport: Transport = {
    ...real,
    async send(request) {
      const form = new URLSearchParams(request.body);
      const basic = request.headers['authorization']?.slice('Basic '.length);
      keep(sent, [basic, form.get('refresh_token'), form.get('client_assertion')]);
      const answer = await real.send(request);
      const body = JSON.parse(answer.body) as Record<string, unknown>;
      keep(answered, [body['access_token'], body['refresh_token'], body['id_token']]);
      return answer;
    },
  };
  return { transport, sent, answered };
}
