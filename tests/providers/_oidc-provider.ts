/** A certified authorization server on a real socket: every refresh rotates, every replay revokes the family. */
import { generateKeyPairSync, randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type ServerResponse,
} from 'node:http';

/** What is used of npm's `oidc-provider`, which brings no types. */
interface OidcProvider {
  callback(): RequestListener;
  interactionFinished(
    request: IncomingMessage,
    response: ServerResponse,
    result: object,
  ): Promise<void>;
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
  register(client: RegisteredClient): Promise<void>;
  /** Who is in front of the browser, with the claims of their ID token; `null`: somebody who declines. */
  person: Person | null;
  /** A first grant, as if someone had signed in and agreed. */
  grant(clientId: string): Promise<string>;
  /** What a resource answers to the access token: 200, or 401. */
  statusWith(accessToken: string): Promise<number>;
  close(): Promise<void>;
}

/** Claims of an ID token. */
export interface Person {
  sub: string;
  [claim: string]: unknown;
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
  const signedIn = new Map<string, Person>();
  const provider = new Provider(issuer, configuration(signedIn));
  const protocol = provider.callback();
  server.on('request', (request, response) => {
    if (request.url?.startsWith('/interaction/') !== true) return protocol(request, response);
    const { person } = running;
    if (person !== null) signedIn.set(person.sub, person);
    const result =
      person === null ? { error: 'access_denied' } : { login: { accountId: person.sub } };
    void provider.interactionFinished(request, response, result);
  });
  for (const spy of silenced) spy.mockRestore();
  // Not in the configuration: that is cloned, into objects which Jest's realm does not take for plain ones.
  const register = (client: RegisteredClient) =>
    provider.Client.adapter.upsert(client.client_id, client);
  for (const client of clients) await register(client);
  const running: AuthorizationServer = {
    issuer,
    tokenEndpoint: `${issuer}/token`,
    register,
    person: null,
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
  return running;
}

interface ConsentContext {
  oidc: {
    provider: OidcProvider;
    session: { accountId: string };
    client: { clientId: string };
  };
}

function configuration(signedIn: Map<string, Person>): object {
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
      claims: () => ({ sub: accountId, ...signedIn.get(accountId) }),
    }),
    claims: { openid: ['sub', 'tenant', 'roles'] },
    conformIdTokenClaims: false,
    // Nobody is asked for consent to what was agreed on beforehand.
    async loadExistingGrant({ oidc: { provider, session, client } }: ConsentContext) {
      const { clientId } = client;
      const grant = new provider.Grant({ accountId: session.accountId, clientId });
      grant.addOIDCScope('openid');
      await grant.save();
      return grant;
    },
    features: { devInteractions: { enabled: false } },
    jwks: { keys: [privateKey.export({ format: 'jwk' })] },
    cookies: { keys: [randomBytes(16).toString('hex')] },
    ttl: {
      AccessToken: ACCESS_TOKEN_LIFE_SECONDS,
      RefreshToken: life,
      Grant: life,
      IdToken: life,
      Interaction: life,
      Session: life,
    },
  };
}
