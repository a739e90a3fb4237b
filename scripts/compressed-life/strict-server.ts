/**
 * A strict authorization server on a real socket whose refresh tokens expire before its access tokens. Each refresh token
 * works once; a replay revokes the whole family, including valid access tokens.
 */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { introspect, type LifeClient, type LifeServer, ServerRecord } from './server-record';

const ACCESS_TOKEN_LIFE_SECONDS = 180;
const REFRESH_TOKEN_LIFE_SECONDS = 60;

interface Family {
  revoked: boolean;
}

interface Issued {
  family: Family;
  expiresAt: number;
  used: boolean;
}

type Reply = { status: number; body: object };

export async function startStrictServer(client: LifeClient): Promise<LifeServer> {
  const record = new ServerRecord();
  const refreshTokens = new Map<string, Issued>();
  const accessTokens = new Map<string, Issued>();

  const issue = (tokens: Map<string, Issued>, family: Family, lifeSeconds: number): string => {
    const token = randomUUID();
    tokens.set(token, { family, expiresAt: Date.now() + lifeSeconds * 1000, used: false });
    return token;
  };
  const issueRefreshToken = (family: Family) =>
    issue(refreshTokens, family, REFRESH_TOKEN_LIFE_SECONDS);

  const refresh = (presented: string): Reply => {
    const refusal = refusalOf(refreshTokens.get(presented));
    const known = refreshTokens.get(presented);
    if (refusal !== null || known === undefined) {
      if (known?.used === true) known.family.revoked = true;
      record.refused(presented, refusal ?? 'unknown');
      return { status: 400, body: { error: 'invalid_grant', error_description: refusal } };
    }
    known.used = true;
    const successor = issueRefreshToken(known.family);
    record.granted(presented, successor);
    return {
      status: 200,
      body: {
        access_token: issue(accessTokens, known.family, ACCESS_TOKEN_LIFE_SECONDS),
        token_type: 'Bearer',
        expires_in: ACCESS_TOKEN_LIFE_SECONDS,
        refresh_token: successor,
        refresh_expires_in: REFRESH_TOKEN_LIFE_SECONDS,
      },
    };
  };

  const reply = (path: string, body: URLSearchParams): Reply => {
    if (path === '/.well-known/oauth-authorization-server')
      return { status: 200, body: metadata() };
    if (
      body.get('client_id') !== client.clientId ||
      body.get('client_secret') !== client.clientSecret
    )
      return { status: 401, body: { error: 'invalid_client' } };
    if (path === '/token') return refresh(body.get('refresh_token') ?? '');
    const known = accessTokens.get(body.get('token') ?? '');
    const active = known !== undefined && known.expiresAt > Date.now() && !known.family.revoked;
    return { status: 200, body: { active } };
  };
  const metadata = () => ({
    issuer,
    token_endpoint: `${issuer}/token`,
    introspection_endpoint: `${issuer}/introspect`,
    response_types_supported: ['code'],
  });

  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const { status, body } = reply(request.url ?? '', await bodyOf(request));
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(JSON.stringify(body));
  };
  const server = createServer((request, response) => void answer(request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('not listening on a port');
  const issuer = `http://127.0.0.1:${address.port}`;
  return {
    name: `strict server, access tokens of ${ACCESS_TOKEN_LIFE_SECONDS} s, refresh tokens of ${REFRESH_TOKEN_LIFE_SECONDS} s`,
    issuer,
    entry: { clientAuthentication: 'client_secret_post' },
    record,
    accessTokenLifeSeconds: ACCESS_TOKEN_LIFE_SECONDS,
    grant(account) {
      const refreshToken = issueRefreshToken({ revoked: false });
      record.issued(account, refreshToken);
      return Promise.resolve({ refreshToken, lifeSeconds: REFRESH_TOKEN_LIFE_SECONDS });
    },
    isActive: (accessToken) => introspect(`${issuer}/introspect`, client, accessToken),
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function refusalOf(known: Issued | undefined): string | null {
  if (known === undefined) return 'refresh token not found';
  if (known.used) return 'refresh token already used';
  if (known.family.revoked) return 'refresh token revoked';
  return known.expiresAt <= Date.now() ? 'refresh token is expired' : null;
}

async function bodyOf(request: IncomingMessage): Promise<URLSearchParams> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(Buffer.from(chunk));
  return new URLSearchParams(Buffer.concat(chunks).toString('utf8'));
}
