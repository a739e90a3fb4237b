/**
 * The API for one test file: sends requests as clients do, compares every response with /openapi.json, and searches all
 * responses and log lines for tokens that the tests used.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Writable } from 'node:stream';
import type { Scope } from '../../src/domain/access/principal';
import type { Account } from '../../src/domain/account/account';
import type { ApiDependencies } from '../../src/http/dependencies';
import { TrustedProxies } from '../../src/http/trusted-proxies';
import { createLogger } from '../../src/process/logging';
import { ConfiguredProviders } from '../../src/providers/config/configured-providers';
import { createConsentClient } from '../../src/providers/consent/consent-client';
import { createTransport } from '../../src/providers/exchange/transport';
import { apiHeaders, createApp, createListener } from '../../src/server/app';
import { answerMalformedRequests } from '../../src/server/malformed-requests';
import { createAuditLog } from '../../src/services/audit/audit-log';
import {
  createTokenAccessLog,
  type TokenAccessLog,
} from '../../src/services/tokens/token-access-log';
import { createConnectClient } from '../../src/temporal/connect-client';
import { createEncryptionClient } from '../../src/temporal/encryption-client';
import { createRefreshClient } from '../../src/temporal/refresh-client';
import { createScheduleClient } from '../../src/temporal/schedule-client';
import { createWorkflowClient } from '../../src/temporal/workflow-client';
import { connectSettings } from '../support/connect-settings';
import {
  type Harness,
  type HarnessOptions,
  type NewAccount,
  startHarness,
} from '../support/harness';
import { contractProblems, type OpenApiDocument } from './_contract';

export interface Answer {
  status: number;
  headers: Headers;
  text: string;
  body: any;
}

export interface RequestOptions {
  /** Default: the admin key of this file's organisation. `null`: no key is sent. */
  key?: string | null;
  headers?: Record<string, string>;
  /** Sent as JSON. */
  body?: unknown;
  /** The raw body, sent instead of `body`. */
  text?: string;
}

export type Send = (method: string, path: string, options?: RequestOptions) => Promise<Answer>;

export interface Api extends Pick<Harness, 'sandbox' | 'store' | 'client' | 'logs'> {
  harness: Harness;
  /** The log of token accesses. A test that reads it must flush it first. */
  tokenAccesses: TokenAccessLog;
  organisation: string;
  /** A key with the scopes of an admin, an operator, the internal trigger and token callers. */
  admin: string;
  key(scopes: Scope[], organisation?: string): Promise<string>;
  send: Send;
  get(path: string): Promise<Answer>;
  post(path: string, body?: unknown): Promise<Answer>;
  patch(path: string, body: unknown): Promise<Answer>;
  delete(path: string): Promise<Answer>;
  /** Starts another server of the same API, with other dependencies. */
  served(overrides?: Partial<ApiDependencies>): Promise<Send>;
  /** The same API with other dependencies. */
  with(overrides: Partial<ApiDependencies>): Send;
  /** The tokens of a new consent. No response or log line may contain them. */
  consent(subject?: string): { access_token: string; refresh_token: string; expires_at: string };
  /** Connects an account over the API. By default it is due at once. */
  connect(members?: Record<string, unknown>): Promise<any>;
  /** An account as the store has it, for values that the API does not have (due times, damaged rows). */
  addAccount(
    account?: NewAccount,
  ): Promise<Account & { plain: { refreshToken: string; accessToken: string } }>;
  /** The tokens of this file that a response or a log line contains. */
  leaks(): string[];
  stop(): Promise<void>;
}

export async function startApi(
  options: HarnessOptions & Pick<Partial<ApiDependencies>, 'configuredKeys' | 'jwt'> = {},
): Promise<Api> {
  const harness = await startHarness(options);
  const organisation = `org-${randomBytes(4).toString('hex')}`;
  const secretMarker = `marker${randomBytes(12).toString('hex')}`;
  const secrets = new Set([secretMarker, harness.clientSecret]);
  const answered: string[] = [];
  const logger = createLogger('debug', intoLines(harness.logs));
  const audit = createAuditLog({
    store: harness.store,
    vault: harness.vault,
    retentionDays: 400,
    now: () => new Date(),
    onHead: (owner, head) => harness.anchors.note('actions', owner, head),
  });
  const tokenAccesses = createTokenAccessLog({
    tokenAccesses: harness.store.tokenAccesses,
    vault: harness.vault,
    logger,
    required: false,
    now: () => new Date(),
    onHead: (owner, head) => harness.anchors.note('token-accesses', owner, head),
  });
  const providers = new ConfiguredProviders(harness.config.providers);
  const { taskQueue } = harness.config.temporal;
  const dependencies: ApiDependencies = {
    store: harness.store,
    vault: harness.vault,
    providers,
    refreshes: createRefreshClient(harness.client, taskQueue, harness.store),
    schedules: createScheduleClient(harness.client, providers, taskQueue),
    workflows: createWorkflowClient(harness.client, taskQueue),
    encryption: createEncryptionClient(harness.client, taskQueue),
    tokenAccesses,
    audit,
    anchors: harness.anchors,
    logger,
    configuredKeys: options.configuredKeys ?? [],
    jwt: options.jwt ?? null,
    oidc: null,
    publicUrl: null,
    trustedProxies: new TrustedProxies([]),
    configured: harness.config,
    webhooks: harness.config.webhooks,
    consent: createConsentClient({ transport: createTransport(), now: () => new Date() }),
    connect: createConnectClient(harness.client, taskQueue),
    connectSettings: connectSettings(harness.store),
    now: () => new Date(),
    stopping: new AbortController().signal,
  };
  const key: Api['key'] = (scopes, of = organisation) => harness.key({ organisation: of, scopes });
  const admin = await key(['admin', 'operator', 'internal', 'tokens']);
  const app = createApp(dependencies);
  const document = (await (await app.request('/openapi.json')).json()) as OpenApiDocument;

  const sendTo =
    (to: (path: string, init: RequestInit) => Response | Promise<Response>): Send =>
    async (method, path, { key: given = admin, headers = {}, body, text } = {}) => {
      const payload = text ?? (body === undefined ? undefined : JSON.stringify(body));
      const response = await to(path, {
        method,
        headers: {
          ...(given === null ? {} : { authorization: `Bearer ${given}` }),
          ...(payload === undefined ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(payload === undefined ? {} : { body: payload }),
      });
      const answer = await read(response);
      // Only this response is meant to contain a token.
      const served = answer.status === 200 && path.startsWith('/api/tokens/');
      answered.push(served ? '' : answer.text, JSON.stringify([...answer.headers]));
      const problems = contractProblems(document, method, path.split('?', 1)[0] ?? path, answer);
      if (problems.length > 0) throw new Error(`differs from the document: ${problems.join('; ')}`);
      return answer;
    };
  const servers: Server[] = [];
  const send = sendTo(app.request);

  const api: Api = {
    harness,
    tokenAccesses,
    sandbox: harness.sandbox,
    store: harness.store,
    client: harness.client,
    logs: harness.logs,
    organisation,
    admin,
    key,
    send,
    get: (path) => send('GET', path),
    post: (path, body) => send('POST', path, { body }),
    patch: (path, body) => send('PATCH', path, { body }),
    delete: (path) => send('DELETE', path),
    async served(overrides = {}) {
      const server = createServer(createListener({ ...dependencies, ...overrides }));
      answerMalformedRequests(server, await apiHeaders());
      servers.push(server);
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const { port } = server.address() as AddressInfo;
      return sendTo((path, init) => fetch(`http://127.0.0.1:${port}${path}`, init));
    },
    with: (overrides) => sendTo(createApp({ ...dependencies, ...overrides }).request),
    consent(subject = randomUUID()) {
      const { access_token, refresh_token, expires_at } = harness.sandbox.issueGrant({
        provider: 'ebay',
        subject,
        secretMarker,
      });
      secrets.add(access_token).add(refresh_token);
      return { access_token, refresh_token, expires_at };
    },
    async connect(members = {}) {
      const { refresh_token } = api.consent();
      const external_id = `shop-${randomUUID()}`;
      const answer = await api.post('/api/admin/accounts', {
        provider: 'ebay',
        external_id,
        refresh_token,
        ...members,
      });
      if (answer.status !== 201) throw new Error(`not connected: ${answer.text}`);
      return answer.body;
    },
    async addAccount(input = {}) {
      const account = await harness.addAccount({ organisation, secretMarker, ...input });
      const { accessToken, refreshToken } = account.plain;
      for (const token of [accessToken, refreshToken]) if (token !== '') secrets.add(token);
      return account;
    },
    leaks() {
      const said = [...answered, ...harness.logs];
      return [...secrets].filter((secret) =>
        [secret, encodeURIComponent(secret)].some((form) =>
          said.some((line) => line.includes(form)),
        ),
      );
    },
    async stop() {
      for (const server of servers) server.close().closeAllConnections();
      await tokenAccesses.stop();
      await harness.stop();
      if (api.leaks().length > 0)
        throw new Error('a response or a log line contains a token of this file');
    },
  };
  return api;
}

async function read(response: Response): Promise<Answer> {
  const text = await response.text();
  const json = response.headers.get('content-type')?.startsWith('application/json') === true;
  return {
    status: response.status,
    headers: response.headers,
    text,
    body: text === '' ? null : json ? JSON.parse(text) : text,
  };
}

/** Requires the error shape of the API, without further members. */
export function expectError(answer: Answer, status: number, code: string): void {
  expect({ status: answer.status, body: answer.body }).toEqual({
    status,
    body: {
      error: {
        code,
        message: expect.stringMatching(/\S{2,}.*\S/),
        request_id: answer.headers.get('x-request-id'),
      },
    },
  });
}

function intoLines(lines: string[]): Writable {
  return new Writable({
    write(chunk, _encoding, done) {
      lines.push(String(chunk));
      done();
    },
  });
}
