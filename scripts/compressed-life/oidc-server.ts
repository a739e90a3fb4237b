/**
 * `oidc-provider` on a real socket: access tokens of 75 s, a new refresh token at every refresh, and the revocation of
 * the grant at a replay.
 */
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { introspect, type LifeClient, type LifeServer, ServerRecord } from './server-record';

const ACCESS_TOKEN_LIFE_SECONDS = 75;
const REFRESH_TOKEN_LIFE_SECONDS = 24 * 3600;
const SCOPE = 'openid offline_access';

/** The used part of npm's `oidc-provider`, which has no types. */
interface OidcProvider {
  callback(): RequestListener;
  on(event: 'grant.success', listener: (context: TokenContext) => void): void;
  on(event: 'grant.error', listener: (context: TokenContext, error: OidcError) => void): void;
  Client: { find(clientId: string): Promise<object | undefined> };
  Grant: new (members: object) => { addOIDCScope(scope: string): void; save(): Promise<string> };
  RefreshToken: new (members: object) => { save(): Promise<string> };
}

interface TokenContext {
  body?: { refresh_token?: string };
  oidc: { params?: { refresh_token?: string } };
}

interface OidcError {
  error: string;
  error_detail?: string;
}

export async function startOidcServer(client: LifeClient): Promise<LifeServer> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('not listening on a port');
  const issuer = `http://127.0.0.1:${address.port}`;
  const provider = quietly(() => new (load().Provider)(issuer, configuration(client)));
  server.on('request', provider.callback());
  const record = new ServerRecord();
  provider.on('grant.success', ({ body, oidc }) =>
    record.granted(oidc.params?.refresh_token ?? '', body?.refresh_token ?? ''),
  );
  provider.on('grant.error', ({ oidc }, { error, error_detail: detail }) =>
    record.refused(oidc.params?.refresh_token ?? '', detail ?? error),
  );
  return {
    name: `oidc-provider, access tokens of ${ACCESS_TOKEN_LIFE_SECONDS} s`,
    issuer,
    entry: { clientAuthentication: 'client_secret_post' },
    record,
    accessTokenLifeSeconds: ACCESS_TOKEN_LIFE_SECONDS,
    async grant(account) {
      const grant = new provider.Grant({ accountId: account, clientId: client.clientId });
      grant.addOIDCScope(SCOPE);
      const refreshToken = await new provider.RefreshToken({
        client: await provider.Client.find(client.clientId),
        accountId: account,
        grantId: await grant.save(),
        gty: 'authorization_code',
        scope: SCOPE,
      }).save();
      record.issued(account, refreshToken);
      return { refreshToken, lifeSeconds: REFRESH_TOKEN_LIFE_SECONDS };
    },
    isActive: (accessToken) => introspect(`${issuer}/token/introspection`, client, accessToken),
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function load(): { Provider: new (issuer: string, configuration: object) => OidcProvider } {
  return require('oidc-provider');
}

/** `oidc-provider` prints warnings about the version of Node.js and this configuration to the console. */
function quietly<T>(make: () => T): T {
  const { warn, info } = console;
  Object.assign(console, { warn: silence, info: silence });
  try {
    return make();
  } finally {
    Object.assign(console, { warn, info });
  }
}

function silence(): void {}

function configuration({ clientId, clientSecret }: LifeClient): object {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return {
    adapter: KeepingAdapter,
    clients: [
      {
        client_id: clientId,
        client_secret: clientSecret,
        grant_types: ['authorization_code', 'refresh_token'],
        redirect_uris: ['https://app.example.com/callback'],
        token_endpoint_auth_method: 'client_secret_post',
      },
    ],
    rotateRefreshToken: true,
    findAccount: (_context: unknown, accountId: string) => ({
      accountId,
      claims: () => ({ sub: accountId }),
    }),
    features: {
      introspection: { enabled: true, allowedPolicy: () => true },
      devInteractions: { enabled: false },
    },
    jwks: { keys: [privateKey.export({ format: 'jwk' })] },
    cookies: { keys: [randomBytes(16).toString('hex')] },
    ttl: {
      AccessToken: ACCESS_TOKEN_LIFE_SECONDS,
      RefreshToken: REFRESH_TOKEN_LIFE_SECONDS,
      Grant: REFRESH_TOKEN_LIFE_SECONDS,
      IdToken: ACCESS_TOKEN_LIFE_SECONDS,
      Interaction: REFRESH_TOKEN_LIFE_SECONDS,
      Session: REFRESH_TOKEN_LIFE_SECONDS,
    },
  };
}

interface Kept {
  payload: { grantId?: string; consumed?: number; [member: string]: unknown };
  expiresAt: number;
}

/** A store without a limit: the default one drops used refresh tokens after a thousand entries, and so misses replays. */
class KeepingAdapter {
  static readonly #kept = new Map<string, Kept>();
  readonly #name: string;

  constructor(name: string) {
    this.#name = name;
  }

  #key(id: string): string {
    return `${this.#name}:${id}`;
  }

  async upsert(id: string, payload: Kept['payload'], lifeSeconds?: number): Promise<void> {
    const expiresAt = lifeSeconds === undefined ? Infinity : Date.now() + lifeSeconds * 1000;
    KeepingAdapter.#kept.set(this.#key(id), { payload, expiresAt });
  }

  async find(id: string): Promise<Kept['payload'] | undefined> {
    const kept = KeepingAdapter.#kept.get(this.#key(id));
    return kept !== undefined && kept.expiresAt > Date.now() ? kept.payload : undefined;
  }

  async consume(id: string): Promise<void> {
    const kept = KeepingAdapter.#kept.get(this.#key(id));
    if (kept !== undefined) kept.payload.consumed = Math.floor(Date.now() / 1000);
  }

  async destroy(id: string): Promise<void> {
    KeepingAdapter.#kept.delete(this.#key(id));
  }

  async revokeByGrantId(grantId: string): Promise<void> {
    for (const [key, { payload }] of KeepingAdapter.#kept)
      if (payload.grantId === grantId) KeepingAdapter.#kept.delete(key);
  }

  findByUid(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  findByUserCode(): Promise<undefined> {
    return Promise.resolve(undefined);
  }
}
