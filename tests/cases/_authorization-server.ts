/** An authorization server on a real socket that answers, to each refresh token, exactly the bytes a test has written. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';

/** A status, headers and a body, sent as they are. */
export interface Answer {
  status: number;
  headers?: Record<string, string>;
  body: string | Buffer;
}

export type Script = Answer | (() => Answer | Promise<Answer>);

export interface AuthorizationServer {
  tokenEndpoint: string;
  /** Every refresh token that was presented, in order; `at` in ms since 1970. */
  presented: { refreshToken: string; at: number }[];
  /** Sets the server's answer to this refresh token. */
  script(refreshToken: string, answer: Script): void;
  stop(): Promise<void>;
}

/** A refresh token that has no script is refused, as a server refuses one that it does not know. */
const UNKNOWN: Answer = { status: 400, body: JSON.stringify({ error: 'invalid_grant' }) };

export async function startAuthorizationServer(): Promise<AuthorizationServer> {
  const scripts = new Map<string, Script>();
  const presented: AuthorizationServer['presented'] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.once('end', () => {
      const body = new URLSearchParams(Buffer.concat(chunks).toString('utf8'));
      const refreshToken = body.get('refresh_token') ?? '';
      presented.push({ refreshToken, at: Date.now() });
      const script = scripts.get(refreshToken) ?? UNKNOWN;
      const sent = async () => {
        const answer = typeof script === 'function' ? await script() : script;
        const headers = { 'content-type': 'application/json', ...answer.headers };
        response.writeHead(answer.status, headers).end(answer.body);
      };
      void sent();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('not listening on a port');
  return {
    tokenEndpoint: `http://127.0.0.1:${address.port}/token`,
    presented,
    script: (refreshToken, answer) => void scripts.set(refreshToken, answer),
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** A new token that no other test has, of an alphabet that every adapter accepts. */
export function newToken(kind: 'at' | 'rt'): string {
  return `${kind}-${randomUUID()}`;
}

/** A token response in JSON. */
export function tokens(members: object): Answer {
  return {
    status: 200,
    body: JSON.stringify({ access_token: newToken('at'), token_type: 'Bearer', ...members }),
  };
}

/** A refusal in JSON. */
export function refusal(status: number, body: object): Answer {
  return { status, body: JSON.stringify(body) };
}
