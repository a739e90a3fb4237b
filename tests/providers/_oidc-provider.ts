/** A certified authorization server on a real socket: every refresh rotates, every replay revokes the family. */
import { generateKeyPairSync, randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';

/** What is used of npm's `oidc-provider`, which brings no types. */
interface OidcProvider {
  callback(): RequestListener;
  Client: {
    find(clientId: string): Promise<object | undefined>;
    adapter: { upsert(clientId: string, client: object): Promise<void> };
  };
  Grant: new (members: object) => { addOIDCScope(scope: string): void; save(): Promise<string> };
  RefreshToken: new (members: object) => { save(): Promise<string> };
}

export const SCOPES = ['openid', 'offline_access'];
/** No adapter's default, so that it can only be the answer's. */
export const ACCESS_TOKEN_LIFE_SECONDS = 754;

export interface AuthorizationServer {
  issuer: string;
  tokenEndpoint: string;
  /** A first grant, as if someone had signed in and agreed. */
  grant(clientId: string): Promise<string>;
  /** What a resource answers to the access token: 200, or 401. */
  statusWith(accessToken: string): Promise<number>;
  close(): Promise<void>;
}

/** A client's members are named as in RFC 7591. */
export interface RegisteredClient {
  client_id: string;
  [member: string]: unknown;
}

export async function startAuthorizationServer(
  clients: RegisteredClient[],
): Promise<AuthorizationServer> {
  // It says on the console what it thinks of the Node.js it runs on and of storing in memory.
  const silenced = [
    jest.spyOn(console, 'warn').mockImplementation(),
    jest.spyOn(console, 'info').mockImplementation(),
  ];
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const issuer = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
  const { Provider } = require('oidc-provider') as {
    Provider: new (issuer: string, configuration: object) => OidcProvider;
  };
  const provider = new Provider(issuer, configuration());
  server.on('request', provider.callback());
  for (const spy of silenced) spy.mockRestore();
  // Not in the configuration: that is cloned, into objects which Jest's realm does not take for plain ones.
  for (const client of clients) await provider.Client.adapter.upsert(client.client_id, client);
  return {
    issuer,
    tokenEndpoint: `${issuer}/token`,
    async grant(clientId) {
      const accountId = randomUUID();
      const scope = SCOPES.join(' ');
      const grant = new provider.Grant({ accountId, clientId });
      grant.addOIDCScope(scope);
      return new provider.RefreshToken({
        client: await provider.Client.find(clientId),
        accountId,
        grantId: await grant.save(),
        gty: 'authorization_code',
        scope,
      }).save();
    },
    async statusWith(accessToken) {
      const headers = { authorization: `Bearer ${accessToken}` };
      return (await fetch(`${issuer}/me`, { headers })).status;
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function configuration(): object {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const life = 24 * 3600;
  return {
    clientDefaults: {
      grant_types: ['authorization_code', 'refresh_token'],
      redirect_uris: ['https://app.example.com/callback'],
    },
    clientAuthMethods: ['client_secret_basic', 'client_secret_post', 'private_key_jwt', 'none'],
    rotateRefreshToken: () => true,
    findAccount: (_context: unknown, accountId: string) => ({
      accountId,
      claims: () => ({ sub: accountId }),
    }),
    features: { devInteractions: { enabled: false } },
    jwks: { keys: [privateKey.export({ format: 'jwk' })] },
    cookies: { keys: [randomBytes(16).toString('hex')] },
    ttl: {
      AccessToken: ACCESS_TOKEN_LIFE_SECONDS,
      RefreshToken: life,
      Grant: life,
      IdToken: life,
    },
  };
}
