/** The running product in front of a scripted authorization server, asked as its users ask it: over the API. */
import { randomUUID } from 'node:crypto';
import { eventually } from '../support/eventually';
import {
  type Harness,
  type HarnessOptions,
  type ProviderEntry,
  startHarness,
} from '../support/harness';
import {
  type AuthorizationServer,
  newToken,
  startAuthorizationServer,
} from './_authorization-server';

/** Two moments that are this close, in ms, are the same to a test: a request lies between them. */
const SAME_WITHIN_MS = 20_000;

export interface Product {
  h: Harness;
  server: AuthorizationServer;
  key: string;
  /** Connects an account over the API; due at once unless the members say otherwise. */
  connect(members?: Record<string, unknown>): Promise<any>;
  account(id: string): Promise<any>;
  /** Refreshes it now, due or not, and waits for the outcome. */
  refresh(id: string): Promise<any>;
  /** The response to an application's token request. */
  token(id: string): Promise<any>;
  /** The newest log entry of the account. */
  newestEntry(id: string): Promise<any>;
  /** The actions of the account's log entries, oldest first. */
  actionsOf(id: string): Promise<string[]>;
  /** The types of the account's events, oldest first; a worker raises an event a moment after its cause. */
  eventsOf(id: string): Promise<string[]>;
  /** The actions of the OAuth app's incidents in the log, oldest first. */
  incidentsOf(provider: string): Promise<string[]>;
  /** Starts a sweep, or finds the one that runs; `ended` waits for its end. */
  startSweep(provider: string): Promise<{ ended(): Promise<unknown> }>;
  status(): Promise<any>;
  stop(): Promise<void>;
}

/** @param entries of `providers.yaml`, each without client and token endpoint, which are the scripted server's */
export async function startProduct(
  entries: Record<string, ProviderEntry>,
  options: Omit<HarnessOptions, 'providers'> = {},
): Promise<Product> {
  const server = await startAuthorizationServer();
  const providers = Object.fromEntries(
    Object.entries(entries).map(([id, entry]): [string, ProviderEntry] => [
      id,
      {
        // The sandbox only has to know the name: nothing is sent to it.
        dialect: 'google',
        by: () => server.tokenEndpoint,
        ...(entry['adapter'] === undefined && {
          adapter: 'oauth2',
          clientAuthentication: 'client_secret_post',
        }),
        ...entry,
      },
    ]),
  );
  const h = await startHarness({ ...options, providers }).catch(async (error: unknown) => {
    // An open socket would keep jest alive.
    await server.stop();
    throw error;
  });
  const key = await h.key({ scopes: ['admin', 'internal', 'operator', 'tokens'] });
  const ask = async (method: string, path: string, body?: unknown) => {
    const answer = await h.request(key, method, path, body);
    if (answer.status >= 300)
      throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body;
  };
  /** Newest first. */
  const logOf = async (query: string): Promise<any[]> =>
    (await ask('GET', `/api/admin/terminal-logs?${query}&limit=500`)).items;
  return {
    h,
    server,
    key,
    connect: (members = {}) =>
      ask('POST', '/api/admin/accounts', {
        provider: Object.keys(entries)[0],
        external_id: `account-${randomUUID()}`,
        refresh_token: newToken('rt'),
        ...members,
      }),
    account: (id) => ask('GET', `/api/admin/accounts/${id}`),
    refresh: (id) => ask('POST', `/api/admin/accounts/${id}/refresh`, { force: true }),
    token: (id) => ask('GET', `/api/tokens/${id}?min_valid_seconds=0`),
    newestEntry: async (id) => (await logOf(`account_id=${id}`))[0],
    actionsOf: async (id) =>
      (await logOf(`account_id=${id}`)).map(({ action }) => action).toReversed(),
    async eventsOf(id) {
      const { items } = await ask('GET', '/api/admin/events?limit=500');
      const own = items.filter(({ data }: any) => data.account_id === id);
      return own.map(({ type }: any) => type).toReversed();
    },
    async incidentsOf(provider) {
      const ofApp = (await logOf(`provider=${provider}`)).filter(
        ({ account_id, action }) => account_id === null && action !== 'worker_heartbeat',
      );
      return ofApp.map(({ action }) => action).toReversed();
    },
    async startSweep(provider) {
      const { started } = await ask('POST', '/api/admin/internal/refresh-tokens', { provider });
      const [{ workflow_id: workflowId, run_id: runId }] = started;
      return { ended: () => h.client.workflow.getHandle(workflowId, runId).result() };
    },
    status: () => ask('GET', '/api/admin/status'),
    async stop() {
      await h.stop();
      await server.stop();
    },
  };
}

/** Waits until the account meets a condition, as the API shows it. */
export function accountBecomes(
  { account }: Product,
  id: string,
  isSo: (body: any) => boolean,
  withinMs?: number,
): Promise<any> {
  return eventually(async () => {
    const body = await account(id);
    return isSo(body) && body;
  }, withinMs);
}

/** An ISO time that lies at the moment, or so close that only a request's way can be between them. */
export function expectMoment(iso: string | null, at: number): void {
  const offByMs = iso === null ? null : Math.abs(Date.parse(iso) - at);
  expect({ iso, isExpected: offByMs !== null && offByMs < SAME_WITHIN_MS }).toEqual({
    iso,
    isExpected: true,
  });
}
