/** A certified authorization server on a real socket. Every refresh rotates, and every replay revokes the family. */
import { generateKeyPairSync, randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type ServerResponse,
} from 'node:http';

/** The used part of npm's `oidc-provider`, which has no types. */
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
/** Differs from every adapter's default, so that it must come from the response. */
export const ACCESS_TOKEN_LIFE_SECONDS = 754;
const DAY_SECONDS = 24 * 3600;

export interface AuthorizationServer {
  issuer: string;
  tokenEndpoint: string;
  register(client: RegisteredClient): Promise<void>;
  /** The person at the browser, with the claims of their ID token. `null`: the person declines. */
  person: Person | null;
  /** Validity of new ID tokens. */
  idTokenLifeSeconds: number;
  /** Issues a first grant, as if someone had signed in and consented. */
  grant(clientId: string): Promise<string>;
  /** Returns a resource server's status for the access token: 200 or 401. */
  statusWith(accessToken: string): Promise<number>;
  close(): Promise<void>;
}

/** Claims of an ID token. */
export interface Person {
  sub: string;
  [claim: string]: unknown;
}

/** Client metadata, named as in RFC 7591. */
export interface RegisteredClient {
  client_id: string;
  [member: string]: unknown;
}

/** @param requirements `pushed`: PAR is required. oidc-provider always requires PKCE here. */
export async function startAuthorizationServer(
  clients: RegisteredClient[],
  requirements: { pushed: boolean } = { pushed: false },
): Promise<AuthorizationServer> {
  // oidc-provider warns on the console about the Node.js version and in-memory storage.
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
  const provider = new Provider(
    issuer,
    configuration(signedIn, () => running.idTokenLifeSeconds, requirements),
  );
  const protocol = provider.callback();
  server.on('request', (request, response) => {
    if (request.url?.startsWith('/interaction/') !== true) return protocol(request, response);
    const { person } = running;
    if (person !== null) signedIn.set(person.sub, person);
    const result =
      person === null
        ? { error: 'access_denied' }
        : // `consent` answers a request with prompt=consent, without which no refresh token is issued.
          { login: { accountId: person.sub }, consent: {} };
    void provider.interactionFinished(request, response, result);
  });
  for (const spy of silenced) spy.mockRestore();
  // Not in the configuration, because oidc-provider clones it into objects that are not plain in Jest's realm.
  const register = (client: RegisteredClient) =>
    provider.Client.adapter.upsert(client.client_id, client);
  for (const client of clients) await register(client);
  const running: AuthorizationServer = {
    issuer,
    tokenEndpoint: `${issuer}/token`,
    register,
    person: null,
    idTokenLifeSeconds: DAY_SECONDS,
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

/** The default pages load fonts from other hosts. */
function showLogoutForm(context: { body: string }, form: string): void {
  context.body = `<body>${form}<button form="op.logoutForm" name="logout" value="yes">Log out</button>`;
}

function showLoggedOut(context: { body: string }): void {
  context.body = 'Logged out';
}

function configuration(
  signedIn: Map<string, Person>,
  idTokenLife: () => number,
  { pushed }: { pushed: boolean },
): object {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const life = DAY_SECONDS;
  return {
    clientDefaults: {
      grant_types: ['authorization_code', 'refresh_token'],
      redirect_uris: ['https://app.example.com/callback'],
    },
    pkce: { required: () => true },
    clientAuthMethods: ['client_secret_basic', 'client_secret_post', 'private_key_jwt', 'none'],
    rotateRefreshToken: () => true,
    findAccount: (_context: unknown, accountId: string) => ({
      accountId,
      claims: () => ({ sub: accountId, ...signedIn.get(accountId) }),
    }),
    claims: { openid: ['sub', 'tenant', 'roles'] },
    conformIdTokenClaims: false,
    // Skips the consent page for a scope that was agreed on beforehand.
    async loadExistingGrant({ oidc: { provider, session, client } }: ConsentContext) {
      const { clientId } = client;
      const grant = new provider.Grant({ accountId: session.accountId, clientId });
      grant.addOIDCScope(SCOPES.join(' '));
      await grant.save();
      return grant;
    },
    // The default fetch refuses loopback addresses, which the tests' clients use.
    fetch: (url: string, options: object) =>
      fetch(url, { ...options, dispatcher: undefined } as object),
    features: {
      devInteractions: { enabled: false },
      pushedAuthorizationRequests: { enabled: true, requirePushedAuthorizationRequests: pushed },
      revocation: { enabled: true },
      backchannelLogout: { enabled: true },
      rpInitiatedLogout: { logoutSource: showLogoutForm, postLogoutSuccessSource: showLoggedOut },
    },
    jwks: { keys: [privateKey.export({ format: 'jwk' })] },
    cookies: { keys: [randomBytes(16).toString('hex')] },
    ttl: {
      AccessToken: ACCESS_TOKEN_LIFE_SECONDS,
      RefreshToken: life,
      Grant: life,
      IdToken: idTokenLife,
      Interaction: life,
      Session: life,
    },
  };
}
