/** Separate API and worker processes, configured with the addresses of their engines, as in production. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createConnection } from 'node:net';
import { type Sandbox, startSandbox } from '../../src/sandbox/server';
import { secretIssuer } from '../api/_jwt';
import { eventually } from '../support/eventually';
import {
  ask,
  cleanUp,
  type EvergrantProcess,
  providersFile,
  START_MS,
  sharedEngines,
  startProcess,
} from './_evergrant';

const CLIENT = { clientId: 'an-app', clientSecret: randomBytes(16).toString('hex') };
const KEY = randomBytes(24).toString('hex');
const issuer = secretIssuer();

let sandbox: Sandbox;
let environment: Record<string, string>;
let url: string;
let apiProcess: EvergrantProcess;
let worker: EvergrantProcess;

const startWorker = async (): Promise<EvergrantProcess> => {
  worker = startProcess('worker/main.js', environment);
  await worker.logged(/^worker ready$/);
  return worker;
};

beforeAll(async () => {
  sandbox = await startSandbox(CLIENT);
  environment = {
    ...(await sharedEngines()).environment,
    ...providersFile(sandbox.tokenEndpoint('ebay')),
    EBAY_CLIENT_ID: CLIENT.clientId,
    EBAY_CLIENT_SECRET: CLIENT.clientSecret,
    ADMIN_API_KEY: KEY,
    JWT_SECRET: issuer.secret,
    // Sweeps that found nothing due are logged at this level.
    LOG_LEVEL: 'debug',
  };
  apiProcess = startProcess('server/main.js', environment);
  [url] = await Promise.all([
    apiProcess.logged(/^API ready$/).then((line) => String(line['url'])),
    startWorker(),
  ]);
  await worker.logged(/^sweep finished$/);
}, START_MS);
afterAll(async () => {
  await cleanUp();
  await sandbox?.stop();
}, START_MS);

async function connect(subject: string): Promise<{ id: string; access_token: string }> {
  const grant = sandbox.issueGrant({ provider: 'ebay', subject });
  const { id } = await ask(url, KEY, '/api/admin/accounts', {
    method: 'POST',
    body: { provider: 'ebay', external_id: subject, refresh_token: grant.refresh_token },
  });
  return { id, access_token: grant.access_token };
}

const account = (id: string) => ask(url, KEY, `/api/admin/accounts/${id}`);
const answered = (subject: string) =>
  sandbox.ledger.filter((entry) => entry.event === 'answered' && entry.subject === subject);

it('an account connected at the API process is refreshed by the worker process on a request to the API', async () => {
  const { id } = await connect('shop-one');
  expect(await account(id)).toMatchObject({ generation: 1, due: { due: true } });
  const outcome = await ask(url, KEY, `/api/admin/accounts/${id}/refresh`, {
    method: 'POST',
    body: {},
  });
  expect(outcome).toMatchObject({ outcome: 'refreshed', generation: 2 });
  expect(await account(id)).toMatchObject({ generation: 2, status: 'ok' });
  expect(await worker.logged(/^Refreshed/)).toMatchObject({ action: 'token_refreshed' });
  expect(apiProcess.stdout()).not.toContain('"token_refreshed"');
});

it('R4.5 a JWT signed with JWT_SECRET may read the status', async () => {
  const path = '/api/oauth/token-refresh/status';
  const jwt = await issuer.sign({ organisation: 'default', scope: 'read' });
  expect(await ask(url, jwt, path)).toMatchObject({ running: true });
  const forged = await secretIssuer().sign({ organisation: 'default', scope: 'read' });
  await expect(ask(url, forged, path)).rejects.toThrow('signature');
});

it('R4.6 SIGTERM lets a worker finish and store the refresh in flight before it exits with code 0', async () => {
  const { id } = await connect('shop-two');
  sandbox.script({
    subject: 'shop-two',
    answer: { kind: 'normal', delayMs: 2_500, delayAt: 'after_commit' },
  });
  const outcome = ask(url, KEY, `/api/admin/accounts/${id}/refresh`, { method: 'POST', body: {} });
  await eventually(() =>
    sandbox.ledger.some((e) => e.event === 'committed' && e.subject === 'shop-two'),
  );
  worker.signal('SIGTERM');
  expect(await worker.exited).toMatchObject({ code: 0, signal: null });
  expect(worker.lines().map(({ msg }) => msg)).toContainEqual(
    expect.stringMatching(/^waiting for the worker: 1 in flight/),
  );
  expect(worker.lines().at(-1)?.['msg']).toBe('worker stopped');
  expect(answered('shop-two')).toHaveLength(1);
  expect(await account(id)).toMatchObject({ generation: 2, status: 'ok', last_error: null });
  const { items } = await ask(url, KEY, `/api/admin/ebay/tokens/terminal-logs?account_id=${id}`);
  expect(items).toMatchObject([{ action: 'token_refreshed', outcome: 'ok' }]);
  // The workflow waits in Temporal, and the next worker answers the request.
  await startWorker();
  expect(await outcome).toMatchObject({ outcome: 'refreshed', generation: 2 });
  expect(answered('shop-two')).toHaveLength(1);
});

it('a second signal ends a worker at once, and the next worker completes the interrupted refresh', async () => {
  const { id } = await connect('shop-three');
  sandbox.script({ subject: 'shop-three', answer: { kind: 'hang', commit: true } });
  const outcome = ask(url, KEY, `/api/admin/accounts/${id}/refresh`, { method: 'POST', body: {} });
  await eventually(() =>
    sandbox.ledger.some((e) => e.event === 'committed' && e.subject === 'shop-three'),
  );
  const interrupted = worker;
  interrupted.signal('SIGTERM');
  await interrupted.logged(/^stopping/);
  // Repeats the signal, because the process counts signals shortly after the first as the same request.
  const repeating = setInterval(() => interrupted.signal('SIGTERM'), 100);
  const ending = await interrupted.exited;
  clearInterval(repeating);
  expect(ending.code).toBe(1);
  expect(interrupted.lines().at(-1)).toMatchObject({
    level: 'warn',
    msg: expect.stringMatching(/^stopped immediately\. .*refresh in flight/),
  });
  await startWorker();
  await outcome;
  await eventually(async () => (await account(id)).generation === 2);
  expect((await account(id)).status).toBe('ok');
});

describe('an API process that receives SIGTERM', () => {
  it('answers the request in flight, logs that it waits for it, and does not wait for open connections', async () => {
    const { id } = await connect('shop-four');
    const { port } = new URL(url);
    // A browser has such connections: one opened in advance, one kept alive, one with a stream.
    const spare = createConnection(Number(port), '127.0.0.1').on('error', () => undefined);
    await once(spare, 'connect');
    const stream = await fetch(`${url}/api/admin/terminal-logs/stream`, {
      headers: { authorization: `Bearer ${KEY}` },
    });
    sandbox.script({
      subject: 'shop-four',
      answer: { kind: 'normal', delayMs: 1_500, delayAt: 'after_commit' },
    });
    const outcome = ask(url, KEY, `/api/admin/accounts/${id}/refresh`, {
      method: 'POST',
      body: {},
    });
    await eventually(() =>
      sandbox.ledger.some((e) => e.event === 'committed' && e.subject === 'shop-four'),
    );
    apiProcess.signal('SIGTERM');
    expect(await outcome).toMatchObject({ outcome: 'refreshed', generation: 2 });
    const answeredAt = performance.now();
    expect(await apiProcess.exited).toMatchObject({ code: 0 });
    // Without a request in flight, the process must not use the full 15 s that a request may take.
    expect(performance.now() - answeredAt).toBeLessThan(5_000);
    expect(await stream.text()).toMatch(/^id: /);
    const messages = apiProcess.lines().map(({ msg }) => msg);
    expect(messages).toContainEqual(
      expect.stringMatching(/^waiting for the API: 1 request in flight, at most 15 s$/),
    );
    expect(messages.at(-1)).toBe('API stopped');
  });
});

it('a worker process stops in order', async () => {
  worker.signal('SIGINT');
  expect(await worker.exited).toMatchObject({ code: 0 });
});
