/** The metrics port of real API and worker processes: what it answers, and what it never names. */
import { randomBytes } from 'node:crypto';
import { cleanUp, occupy } from '../start/_evergrant';
import { spawnApi } from '../support/api-process';
import { eventually } from '../support/eventually';
import { type Harness, startHarness } from '../support/harness';
import { samplesOf } from '../support/metrics';
import { spawnWorker } from '../support/worker-process';

const START_MS = 90_000;
const MARKER = `Marker${randomBytes(9).toString('hex')}`;
const ORGANISATION = `org-${randomBytes(6).toString('hex')}`;
const LABEL = `Shop ${randomBytes(6).toString('hex')}`;

let h: Harness;
let accountId: string;
let apiUrl: string;
const kill: (() => void)[] = [];
const texts: { worker: string; api: string } = { worker: '', api: '' };
const urls: { worker: string; api: string } = { worker: '', api: '' };

beforeAll(async () => {
  h = await startHarness({ worker: false });
  const account = await h.addAccount({
    organisation: ORGANISATION,
    label: LABEL,
    secretMarker: MARKER,
  });
  accountId = account.id;
  const worker = spawnWorker(h, h.encryptionKeys, { METRICS_PORT: '0' });
  kill.push(() => worker.child.kill('SIGKILL'));
  const api = spawnApi(h, { METRICS_PORT: '0' });
  kill.push(() => api.child.kill('SIGKILL'));
  apiUrl = await api.ready;
  urls.api = await portOf(api.output);
  urls.worker = await portOf(worker.output);
  await eventually(() => worker.output.join('').includes('"worker ready"'), START_MS);
  const key = await h.key({ organisation: ORGANISATION, scopes: ['tokens', 'admin'] });
  // The access token lives for a minute, so this request makes the worker refresh it.
  const answer = await fetch(`${apiUrl}/api/tokens/${accountId}?min_valid_seconds=600`, {
    headers: { authorization: `Bearer ${key}` },
  });
  const body: any = await answer.json();
  if (!String(body.access_token).includes(MARKER)) throw new Error('the refresh brought no token');
  await eventually(async () => {
    texts.worker = await scrape('worker');
    return texts.worker.includes(
      'evergrant_sweep_last_completed_timestamp_seconds{provider="ebay"}',
    );
  }, START_MS);
  texts.api = await scrape('api');
}, 2 * START_MS);

afterAll(async () => {
  for (const one of kill) one();
  await h?.stop();
  await cleanUp();
});

async function portOf(output: readonly string[]): Promise<string> {
  const line = await eventually(
    () => /^\{.*"msg":"metrics ready".*\}$/m.exec(output.join(''))?.[0] ?? false,
    START_MS,
  );
  return JSON.parse(line).url.replace(/\/metrics$/, '');
}

async function scrape(process: 'worker' | 'api', accept = 'text/plain'): Promise<string> {
  const response = await fetch(`${urls[process]}/metrics`, { headers: { accept } });
  expect(response.status).toBe(200);
  return response.text();
}

it('M1.1 a worker answers with its own metrics, those of Node and those of the Temporal SDK', () => {
  const samples = samplesOf(texts.worker);
  expect(samples).toMatchObject({
    'evergrant_refresh_attempts_total{provider="ebay",environment="production",source="api",outcome="ok",failure_code="none"}': 1,
    'evergrant_provider_requests_total{provider="ebay",environment="production",kind="refresh",status="200"}': 1,
    'evergrant_refresh_step_duration_seconds_count{step="commit"}': 1,
    evergrant_store_up: 1,
    evergrant_temporal_up: 1,
  });
  expect(texts.worker).toMatch(
    /^evergrant_build_info\{version="[\d.]+",node_version="v[\d.]+",role="worker"\} 1$/m,
  );
  expect(texts.worker).toMatch(/^process_resident_memory_bytes \d+$/m);
  expect(texts.worker).toMatch(/^nodejs_eventloop_lag_p99_seconds /m);
  expect(texts.worker).toMatch(/^temporal_worker_task_slots_available\{/m);
});

it('M1.1 the counts that alerts compare with their past begin at 0', () => {
  const attempts = (code: string) =>
    `evergrant_refresh_attempts_total{provider="ebay",environment="production",source="scheduled",outcome="not_sent",failure_code="${code}"}`;
  expect(samplesOf(texts.worker)).toMatchObject({
    'evergrant_grants_lost_total{provider="ebay",environment="production"}': 0,
    'evergrant_unknown_outcomes_total{provider="ebay",environment="production"}': 0,
    [attempts('key_missing')]: 0,
    [attempts('key_mismatch')]: 0,
    'evergrant_refresh_lateness_ratio_count{provider="ebay"}': 0,
  });
});

it('M1.1 an API process counts the tokens that it served, and shows the same gauges of the store', () => {
  expect(samplesOf(texts.api)).toMatchObject({
    'evergrant_token_accesses_total{origin="refresh"}': 1,
    evergrant_store_up: 1,
    'evergrant_accounts{provider="ebay",environment="production",status="ok"}': 1,
    'evergrant_accounts_expired{provider="ebay"}': 0,
    'evergrant_app_circuit{provider="ebay",environment="production",state="closed"}': 1,
    'evergrant_schedule_paused{provider="ebay"}': 0,
    evergrant_webhook_deliveries_pending: 0,
    'evergrant_encrypted_records{key_id="other"}': 0,
  });
  expect(texts.api).toMatch(/^evergrant_build_info\{.*role="api"\} 1$/m);
});

it('M1.2 no metric names an organisation, an account, a shop, a token or a key', async () => {
  const open = await scrape('worker', 'application/openmetrics-text');
  const secrets = [MARKER, Buffer.from(MARKER).toString('base64').slice(0, 16), h.clientSecret];
  const names = [ORGANISATION, accountId, `shop-${accountId}`, LABEL, MARKER.toLowerCase()];
  for (const text of [texts.worker, texts.api, open])
    for (const name of [...secrets, ...names, h.encryptionKeys.replace(/^[^:]*:/, '')])
      expect(text).not.toContain(name);
  const labels = new Set([...texts.worker.matchAll(/[{,](\w+)="/g)].map(([, name]) => name));
  expect(labels).toContain('provider');
  for (const forbidden of [
    'organisation',
    'account',
    'account_id',
    'subject',
    'workflow_id',
    'label',
  ])
    expect(labels).not.toContain(forbidden);
});

it('M1.3 a scrape that accepts OpenMetrics gets OpenMetrics', async () => {
  const response = await fetch(`${urls.worker}/metrics`, {
    headers: { accept: 'application/openmetrics-text;version=1.0.0,text/plain;q=0.5' },
  });
  expect(response.headers.get('content-type')).toBe(
    'application/openmetrics-text; version=1.0.0; charset=utf-8',
  );
  expect(await response.text()).toMatch(/# EOF\n$/);
});

it('M1.4 the port of each process answers whether it runs and whether it is ready, and nothing else', async () => {
  for (const url of Object.values(urls)) {
    expect(await (await fetch(`${url}/healthz`)).json()).toEqual({ status: 'ok' });
    const ready = await fetch(`${url}/readyz`);
    expect([ready.status, await ready.json()]).toEqual([
      200,
      { status: 'ready', mongodb: 'ok', temporal: 'ok' },
    ]);
    expect((await fetch(`${url}/api/admin/accounts`)).status).toBe(404);
    expect((await fetch(`${url}/metrics`, { method: 'POST' })).status).toBe(405);
  }
});

it('M1.5 a configured port that is in use ends the start with an error that names the setting', async () => {
  const port = await occupy(0);
  const worker = spawnWorker(h, h.encryptionKeys, { METRICS_PORT: String(port) });
  kill.push(() => worker.child.kill('SIGKILL'));
  expect((await worker.exited).code).toBe(1);
  expect(worker.output.join('')).toContain(
    `Port ${port} on 127.0.0.1 is in use. Set METRICS_PORT to a free port, or to off.`,
  );
});

it.each(['localhost:9464', '192.0.2.1', 'no such host'])(
  'M1.5 METRICS_HOST %j ends the start with an error that names the setting',
  async (METRICS_HOST) => {
    const worker = spawnWorker(h, h.encryptionKeys, { METRICS_HOST, METRICS_PORT: '0' });
    kill.push(() => worker.child.kill('SIGKILL'));
    expect((await worker.exited).code).toBe(1);
    const output = worker.output.join('');
    expect(output).toContain(
      `METRICS_HOST is "${METRICS_HOST}", which is not an address of this machine`,
    );
    expect(output).not.toContain('unexpected error');
  },
);
