/**
 * An authorization server with strict rotation and configurable lifetimes: each refresh issues a new refresh token, and
 * a reused one revokes its family, including the valid access token.
 */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';

export interface StrictServerOptions {
  accessSeconds: number;
  /** Absent: refresh tokens do not expire, and responses do not state an expiry. */
  refreshSeconds?: number;
  /** Refuses a refresh while the access token is valid for longer than this. */
  windowSeconds?: number;
}

interface Family {
  id: string;
  accessToken: string;
  accessExpiresAtMs: number;
  refreshToken: string;
  refreshExpiresAtMs: number;
  used: Set<string>;
  isRevoked: boolean;
}

export interface StrictGrant {
  familyId: string;
  access_token: string;
  refresh_token: string;
  expires_at: string;
  refresh_token_expires_at?: string;
}

export interface StrictServer {
  url: string;
  introspectionUrl: string;
  grant(): StrictGrant;
  /** Times and responses of a family's refreshes, in order. */
  asked(familyId: string): { atMs: number; answer: string }[];
  isRevoked(familyId: string): boolean;
  isActive(accessToken: string): boolean;
  /** Number of introspection requests. */
  introspections(): number;
  /** Expires the family's refresh token now. */
  expireRefreshToken(familyId: string): void;
  /** Rotates at the family's next refresh, and closes the connection without a response. */
  loseNextAnswer(familyId: string): void;
  stop(): Promise<void>;
}

export async function startStrictServer(options: StrictServerOptions): Promise<StrictServer> {
  const { accessSeconds, refreshSeconds, windowSeconds } = options;
  const families = new Map<string, Family>();
  const log = new Map<string, { atMs: number; answer: string }[]>();
  const toLose = new Set<string>();
  let introspections = 0;

  function renew(family: Family): void {
    family.accessToken = `at-${randomBytes(16).toString('hex')}`;
    family.accessExpiresAtMs = Date.now() + accessSeconds * 1000;
    family.refreshToken = `rt-${randomBytes(16).toString('hex')}`;
    family.refreshExpiresAtMs = Date.now() + (refreshSeconds ?? 1e6) * 1000;
  }

  function note(familyId: string, answer: string): void {
    log.set(familyId, [...(log.get(familyId) ?? []), { atMs: Date.now(), answer }]);
  }

  function refresh(presented: string, response: ServerResponse): void {
    const family = [...families.values()].find(
      ({ refreshToken, used }) => refreshToken === presented || used.has(presented),
    );
    const refuse = (error: string, description: string) => {
      if (family !== undefined) note(family.id, error);
      send(response, 400, { error, error_description: description });
    };
    if (family === undefined) return refuse('invalid_grant', 'unknown');
    if (family.used.has(presented)) family.isRevoked = true;
    if (family.isRevoked || family.refreshExpiresAtMs <= Date.now())
      return refuse('invalid_grant', 'reused, revoked or expired');
    if (windowSeconds !== undefined && family.accessExpiresAtMs - Date.now() > windowSeconds * 1000)
      return refuse('access_denied', 'Rate limit exceeded: access_token not expired');
    family.used.add(presented);
    renew(family);
    if (toLose.delete(family.id)) {
      note(family.id, 'lost');
      response.socket?.resetAndDestroy();
      return;
    }
    note(family.id, 'ok');
    send(response, 200, {
      access_token: family.accessToken,
      token_type: 'Bearer',
      expires_in: accessSeconds,
      refresh_token: family.refreshToken,
      ...(refreshSeconds === undefined ? {} : { refresh_token_expires_in: refreshSeconds }),
    });
  }

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await bodyOf(request);
    if (request.url !== '/introspect') {
      refresh(body.get('refresh_token') ?? '', response);
      return;
    }
    introspections += 1;
    send(response, 403, { error: 'invalid_request', error_description: 'Client not allowed' });
  }

  const server = createServer((request, response) => {
    void handle(request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : 0;

  return {
    url: `http://127.0.0.1:${port}/token`,
    introspectionUrl: `http://127.0.0.1:${port}/introspect`,
    grant() {
      const family: Family = {
        id: randomBytes(8).toString('hex'),
        accessToken: '',
        accessExpiresAtMs: 0,
        refreshToken: '',
        refreshExpiresAtMs: 0,
        used: new Set(),
        isRevoked: false,
      };
      renew(family);
      families.set(family.id, family);
      return {
        familyId: family.id,
        access_token: family.accessToken,
        refresh_token: family.refreshToken,
        expires_at: new Date(family.accessExpiresAtMs).toISOString(),
        ...(refreshSeconds === undefined
          ? {}
          : { refresh_token_expires_at: new Date(family.refreshExpiresAtMs).toISOString() }),
      };
    },
    asked: (familyId) => log.get(familyId) ?? [],
    isRevoked: (familyId) => families.get(familyId)?.isRevoked ?? true,
    isActive: (accessToken) =>
      [...families.values()].some(
        (family) =>
          family.accessToken === accessToken &&
          !family.isRevoked &&
          family.accessExpiresAtMs > Date.now(),
      ),
    introspections: () => introspections,
    expireRefreshToken(familyId) {
      const family = families.get(familyId);
      if (family !== undefined) family.refreshExpiresAtMs = Date.now();
    },
    loseNextAnswer: (familyId) => void toLose.add(familyId),
    async stop() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

async function bodyOf(request: IncomingMessage): Promise<URLSearchParams> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(Buffer.from(chunk as Uint8Array));
  return new URLSearchParams(Buffer.concat(chunks).toString());
}

function send(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
