/** A provider on a real socket with scripted responses, and exchanges with it. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTcpServer, type Socket } from 'node:net';
import { Secret } from '../../src/domain/masking/secret';
import { ConfiguredProviders } from '../../src/providers/config/configured-providers';
import type { ProviderConfig } from '../../src/providers/config/provider-entry';
import { defaultPolicy } from '../../src/providers/config/providers-file';
import type { ReceivedGrant } from '../../src/providers/exchange/received-grant';
import { type Exchange, exchangeRefreshToken } from '../../src/providers/exchange/token-exchange';
import { createTransport, type Transport } from '../../src/providers/exchange/transport';
import type { Provider } from '../../src/providers/provider';

/** Contains the hyphens that a form-encoded Basic header would change. */
export const CLIENT_ID = 'Evergran-test-PRD-0a1b2c3d4-5e6f7a8b';
export const CLIENT_SECRET = 'PRD-a1b2c3d4e5f6-7a8b-4c9d-8e0f-1a2b';
export const REFRESH_TOKEN = 'v^1.1#i^1#I^3#p^3#r^1#f^0#t^Ul4xMF8xOjQ2RTc4RkI5MDNDRTQxQ0Y5';
export const NEW_ACCESS_TOKEN = 'v^1.1#i^1#I^3#p^3#r^0#f^0#t^H4sIAAAAAAAAAOVYa2wUVRTu9oU8';
export const NEW_REFRESH_TOKEN = 'v^1.1#i^1#I^3#p^3#r^1#f^0#t^Nm4xMF8wOjk3QUI1QzY4REUxMkYz';

export interface CannedAnswer {
  status?: number;
  headers?: Record<string, string>;
  body?: string | Buffer;
}

const stops: (() => Promise<void>)[] = [];

/** Stops every server and transport of this file. For `afterEach` or `afterAll`. */
export async function stopProviders(): Promise<void> {
  for (const stop of stops.splice(0)) await stop();
}

export interface CannedProvider {
  url: string;
  requests: number;
  answer: (request: IncomingMessage, response: ServerResponse) => void;
}

/** An HTTP server that reads the request and responds. `answer` may be replaced at any time. */
export async function cannedProvider(canned: CannedAnswer = {}): Promise<CannedProvider> {
  const provider: CannedProvider = {
    url: '',
    requests: 0,
    answer: (_request, response) => send(response, canned),
  };
  const server = createServer((request, response) => {
    provider.requests += 1;
    request.resume().once('end', () => provider.answer(request, response));
  });
  provider.url = `http://127.0.0.1:${await listen(server)}/token`;
  stops.push(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return provider;
}

export function send(
  response: ServerResponse,
  { status = 200, headers, body }: CannedAnswer,
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(body);
}

/** A plain TCP server that records the bytes of each connection and calls `onData`. */
export async function socketProvider(
  onData: (socket: Socket, received: string) => void,
): Promise<{ port: number; connections: string[] }> {
  const connections: string[] = [];
  const sockets = new Set<Socket>();
  const server = createTcpServer((socket) => {
    const index = connections.push('') - 1;
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      connections[index] += chunk.toString('latin1');
      onData(socket, connections[index] ?? '');
    });
  });
  const port = await listen(server as unknown as Server);
  stops.push(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return { port, connections };
}

async function listen(server: Pick<Server, 'listen' | 'address'> & Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('not listening on a port');
  return address.port;
}

/** eBay with its token endpoint at `url`. */
export function ebayAt(tokenEndpoint: string, clientSecret = CLIENT_SECRET): Provider {
  const [provider] = new ConfiguredProviders([
    {
      id: 'ebay',
      adapter: 'ebay',
      policy: defaultPolicy('ebay', null),
      environments: {
        production: { clientId: CLIENT_ID, clientSecret: new Secret(clientSecret), tokenEndpoint },
      },
    },
  ]).all;
  if (provider === undefined) throw new Error('no provider');
  return provider;
}

/** The adapter oauth2 with its token endpoint at `url`, and further settings. */
export function oauth2At(tokenEndpoint: string, config: Partial<ProviderConfig> = {}): Provider {
  const [provider] = new ConfiguredProviders([
    {
      id: 'crm',
      adapter: 'oauth2',
      policy: defaultPolicy('oauth2', null),
      environments: {
        production: {
          clientId: CLIENT_ID,
          clientSecret: new Secret(CLIENT_SECRET),
          clientAuthentication: 'client_secret_post',
          tokenEndpoint,
        },
      },
      ...config,
    },
  ]).all;
  if (provider === undefined) throw new Error('no provider');
  return provider;
}

/** The received grant in plaintext. */
interface PlainReceivedGrant extends Omit<ReceivedGrant, 'accessToken' | 'refreshToken'> {
  accessToken: string | null;
  refreshToken: string | null;
}

export interface Exchanged extends Exchange {
  received: PlainReceivedGrant[];
}

export interface ExchangeOptions {
  provider?: Provider;
  externalId?: string;
  refreshToken?: string;
  capture?: boolean;
  transport?: Transport;
  /** Replaces the real deadline, so that a test need not wait for it. */
  deadlineMs?: number;
  mayBeSent?: (finalRefreshToken: string) => Promise<boolean>;
  receive?: (grant: ReceivedGrant) => void;
  now?: () => Date;
}

/** Exchanges with `url`, and returns the grants passed to `receive`. */
export async function exchangeAt(url: string, options: ExchangeOptions = {}): Promise<Exchanged> {
  const provider = options.provider ?? ebayAt(url);
  const environment = provider.environments.get('production');
  if (environment === undefined) throw new Error('no environment');
  const transport = options.transport ?? createTransport();
  const { deadlineMs } = options;
  const received: PlainReceivedGrant[] = [];
  const exchange = await exchangeRefreshToken(
    {
      provider,
      environment,
      account: { externalId: options.externalId ?? 'acme.myshopify.com' },
      refreshToken: new Secret(options.refreshToken ?? REFRESH_TOKEN),
      capture: options.capture ?? true,
      mayBeSent: options.mayBeSent ?? (() => Promise.resolve(true)),
      receive:
        options.receive ??
        ((grant) => {
          const { accessToken, refreshToken } = grant;
          received.push({
            ...grant,
            accessToken: accessToken?.reveal() ?? null,
            refreshToken: refreshToken?.reveal() ?? null,
          });
        }),
    },
    {
      transport:
        deadlineMs === undefined
          ? transport
          : { ...transport, send: (request) => transport.send({ ...request, deadlineMs }) },
      now: options.now ?? (() => new Date()),
    },
  );
  return { ...exchange, received };
}

/** Exchanges with a provider that gives this response. */
export async function exchangeAnswered(
  canned: CannedAnswer,
  options: ExchangeOptions = {},
): Promise<Exchanged> {
  return exchangeAt((await cannedProvider(canned)).url, options);
}
