/**
 * MongoDB, Temporal or both are unreachable for the API at each step of a consent. The person sees a page that says so,
 * no consent is half stored, and every session ends in a named status.
 */
import { randomUUID } from 'node:crypto';
import { Client, type Connection } from '@temporalio/client';
import {
  type ConnectSession,
  EXCHANGE_MAX_MS,
  failureAt,
} from '../../src/domain/connect/connect-session';
import {
  type ConsentClient,
  createConsentClient,
} from '../../src/providers/consent/consent-client';
import { createTransport } from '../../src/providers/exchange/transport';
import type { Store } from '../../src/store/store';
import { createConnectClient } from '../../src/temporal/connect-client';
import { openConnection } from '../../src/temporal/connection';
import { type Api, type Send, startApi } from '../api/_api';
import { engines } from '../support/engines';
import { eventually } from '../support/eventually';
import { browserOf, decide, returnTo, startAt } from '../support/sandbox-consent';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy';
import { hits, mongodbDump, temporalDatabase } from '../support/written';
import { report } from './_report';

const PUBLIC_URL = new URL('http://127.0.0.1');

let api: Api;
let mongodb: TcpProxy;
let temporal: TcpProxy;
let connection: Connection;
let store: Store;
let send: Send;
/** Called when the token response has arrived, before anything is stored. */
let onAnswer: () => void = () => undefined;
const secrets = new Set<string>();

beforeAll(async () => {
  api = await startApi();
  mongodb = await startTcpProxy();
  temporal = await startTcpProxy();
  const uri = new URL(mongodb.through(api.harness.mongodbUri));
  uri.searchParams.set('directConnection', 'true');
  uri.searchParams.set('serverSelectionTimeoutMS', '1000');
  store = await api.harness.openStore({ uri: uri.href });
  const address = new URL(temporal.through(`http://${engines.temporalAddress}`)).host;
  connection = await openConnection({ address });
  const client = new Client({ connection, namespace: api.harness.namespace });
  const real = createConsentClient({ transport: createTransport(), now: () => new Date() });
  const consent: ConsentClient = {
    ...real,
    async exchangeCode(input) {
      for (const secret of [input.verifier, input.parameters.get('code'), input.state])
        secrets.add(secret ?? '');
      const answer = await real.exchangeCode(input);
      onAnswer();
      return answer;
    },
  };
  send = api.with({
    store,
    consent,
    publicUrl: PUBLIC_URL,
    connect: createConnectClient(client, api.harness.config.temporal.taskQueue),
  });
});
afterEach(() => {
  onAnswer = () => undefined;
  mongodb.restore();
  temporal.restore();
});
afterAll(async () => {
  await store?.close();
  await connection?.close();
  await mongodb?.stop();
  await temporal?.stop();
  await api?.stop();
});

const browser = browserOf(() => send);

/** A session of a new account, or of an account to reconnect. */
async function session(isReconnect: boolean) {
  const subject = `shop-${randomUUID()}`;
  const create = async (body: object) => {
    const made = await api.with({ publicUrl: PUBLIC_URL })('POST', '/api/admin/connect/sessions', {
      body,
    });
    expect(made.status).toBe(201);
    secrets.add(new URL(made.body.url).pathname.split('/').at(-1) ?? '');
    return made.body;
  };
  const made = await create({ provider: 'ebay', external_id: subject });
  if (!isReconnect) return { ...made, subject };
  const leg = await startAt(browser, made.url);
  await returnTo(browser, await decide(leg, subject), leg.cookie);
  return { ...(await create({ account_id: made.account_id })), subject };
}

async function stored(id: string): Promise<ConnectSession> {
  const found = await api.store.connectSessions.find(api.organisation, id);
  if (found === null) throw new Error(`no session ${id}`);
  return found;
}
const account = (id: string) => api.store.accounts.find(api.organisation, id);

/**
 * Breaks all connections to MongoDB, and waits until the driver has noticed: until then it passes on the socket's error,
 * which Jest's realm does not recognise as an error.
 */
async function loseMongodb(): Promise<void> {
  mongodb.drop();
  const unknown = `/connect/${'x'.repeat(43)}`;
  await eventually(async () => (await page(unknown).catch(() => null))?.status === 503);
}

/** MongoDB accepts connections again, which the driver notices a moment later. */
async function recovered(open: () => Promise<{ status: number; text: string }>) {
  mongodb.restore();
  let last = await open();
  await eventually(async () => {
    if (last.status !== 503) return true;
    last = await open();
    return last.status !== 503;
  });
  return last;
}

const page = async (path: string) => {
  const answer = await send('GET', path, { key: null });
  return { status: answer.status, text: answer.text };
};

describe.each([
  ['a new account', false],
  ['a reconnect', true],
])('a consent for %s', (_name, isReconnect) => {
  it('continues after MongoDB was unreachable when the link was opened, started and called back', async () => {
    const made = await session(isReconnect);
    const path = new URL(made.url).pathname;
    await loseMongodb();
    const unavailable = {
      status: 503,
      text: expect.stringContaining('reload this page') as string,
    };
    expect(await page(path)).toMatchObject(unavailable);
    expect((await recovered(() => page(path))).status).toBe(200);
    await loseMongodb();
    await expect(startAt(browser, made.url)).rejects.toThrow('503');
    await recovered(() => page(path));
    const leg = await startAt(browser, made.url);
    const callback = await decide(leg, made.subject);
    await loseMongodb();
    expect(await returnTo(browser, callback, leg.cookie)).toMatchObject(unavailable);
    const result = await recovered(() => returnTo(browser, callback, leg.cookie));
    expect(result.text).toContain('is connected to');
    expect(await stored(made.id)).toMatchObject({ status: 'connected' });
  });

  it('is stored by a workflow if MongoDB is unreachable after the token response', async () => {
    const made = await session(isReconnect);
    const before = await account(made.account_id);
    const leg = await startAt(browser, made.url);
    const callback = await decide(leg, made.subject);
    onAnswer = () => mongodb.drop();
    expect(await returnTo(browser, callback, leg.cookie)).toMatchObject({ status: 503 });
    onAnswer = () => undefined;
    await eventually(async () => (await stored(made.id)).status === 'connected');
    expect(await account(made.account_id)).toMatchObject({
      generation: (before?.generation ?? 0) + 1,
      state: 'active',
      current: { attemptId: made.id },
    });
    const result = await recovered(() => returnTo(browser, callback, leg.cookie));
    expect(result.text).toContain('is connected to');
  });

  it('is named as lost if neither MongoDB nor Temporal can take it, and nothing is stored', async () => {
    const made = await session(isReconnect);
    const before = await account(made.account_id);
    const leg = await startAt(browser, made.url);
    const callback = await decide(leg, made.subject);
    onAnswer = () => {
      mongodb.drop();
      temporal.drop();
    };
    expect(await returnTo(browser, callback, leg.cookie)).toMatchObject({ status: 503 });
    onAnswer = () => undefined;
    temporal.restore();
    const result = await recovered(() => returnTo(browser, callback, leg.cookie));
    expect(result.text).toContain('consent was received');
    const later = new Date(Date.now() + EXCHANGE_MAX_MS + 1_000);
    expect(failureAt(await stored(made.id), later)).toMatchObject({ code: 'answer_lost' });
    expect(await account(made.account_id)).toEqual(before);
    expect(api.logs.join('')).toContain('neither MongoDB nor Temporal accepted it');
  });

  it('needs no Temporal', async () => {
    const made = await session(isReconnect);
    temporal.drop();
    const leg = await startAt(browser, made.url);
    const result = await returnTo(browser, await decide(leg, made.subject), leg.cookie);
    expect(result.text).toContain('is connected to');
  });
});

it('no code, verifier, state or link is in MongoDB, in the database of Temporal or in a log line', async () => {
  secrets.delete('');
  const written = [temporalDatabase(), await mongodbDump(api.harness.mongodbUri), ...api.logs];
  const found = hits(written.join('\n'), [...secrets]);
  report({
    id: 'C-away',
    fault: 'MongoDB, Temporal or both unreachable at each step of a consent',
    n: 12,
    hits: {},
    lost: 2,
    seed: 0,
    note: `half stored 0; the 2 lost consents had both engines unreachable and are named; ${secrets.size} codes, states, verifiers and links searched, found ${found.length}`,
  });
  expect(secrets.size).toBeGreaterThan(30);
  expect(found).toEqual([]);
});
