/** Traces of real API and worker processes, as a collector receives them. */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { type ApiProcess, spawnApi } from '../support/api-process';
import { type Collector, type ReceivedSpan, startCollector } from '../support/collector';
import { eventually } from '../support/eventually';
import { type Harness, startHarness } from '../support/harness';
import { spawnWorker, type WorkerProcess } from '../support/worker-process';
import { hits } from '../support/written';

const START_MS = 90_000;
const MARKER = `Marker${randomBytes(9).toString('hex')}`;
const HEADER = `Header${randomBytes(9).toString('hex')}`;

let h: Harness;
let collector: Collector;
let worker: WorkerProcess;
let api: ApiProcess;
let key: string;

const traced = () => ({
  OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
  OTEL_EXPORTER_OTLP_HEADERS: `x-test=${HEADER}`,
  METRICS_PORT: 'off',
});

async function startWorkerProcess(environment: Record<string, string>): Promise<WorkerProcess> {
  const started = spawnWorker(h, h.encryptionKeys, environment);
  await eventually(() => started.output.join('').includes('"worker ready"'), START_MS);
  return started;
}

beforeAll(async () => {
  [h, collector] = await Promise.all([
    startHarness({ worker: false, providers: { ebay: { perAccountUpTo: 1 } } }),
    startCollector(),
  ]);
  worker = await startWorkerProcess(traced());
  api = spawnApi(h, traced());
  await api.ready;
  key = await h.key();
}, 2 * START_MS);
afterAll(async () => {
  worker?.child.kill('SIGKILL');
  api?.child.kill('SIGKILL');
  await collector?.stop();
  await h?.stop();
});

async function ask(method: string, path: string, body?: unknown): Promise<any> {
  const response = await fetch(`${await api.ready}${path}`, {
    method,
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return response.json();
}
const refresh = (id: string) => ask('POST', `/api/admin/accounts/${id}/refresh`, { force: true });

/** The spans of the account's traces, once there are that many attempts. */
async function spansOf(accountId: string, attempts = 1): Promise<ReceivedSpan[]> {
  return eventually(() => {
    const own = collector.spans.filter(
      (span) => span.attributes['evergrant.account_id'] === accountId,
    );
    const traces = new Set(own.map(({ traceId }) => traceId));
    const spans = collector.spans.filter(({ traceId }) => traces.has(traceId));
    const isOver = own.filter(({ name }) => name === 'refresh attempt').length >= attempts;
    // The API process exports its span by itself.
    const isWhole = spans.every(({ parentSpanId }) =>
      ['', ...spans.map(({ spanId }) => spanId)].includes(parentSpanId),
    );
    return isOver && isWhole && spans;
  }, 30_000);
}

/** The names of the spans from the root to this one. */
function lineage(span: ReceivedSpan, spans: readonly ReceivedSpan[]): string {
  const parent = spans.find(({ spanId }) => spanId === span.parentSpanId);
  return parent === undefined ? span.name : `${lineage(parent, spans)} > ${span.name}`;
}

it('M3.1 a refresh by the API is one trace from the API process to the provider, which its log entry names', async () => {
  const { id } = await h.addAccount({ secretMarker: MARKER });
  expect(await refresh(id)).toMatchObject({ outcome: 'refreshed' });
  const spans = await spansOf(id);
  const attempt = 'refresh request > refresh attempt';
  expect(spans.map((span) => lineage(span, spans)).toSorted()).toEqual(
    [
      'refresh request',
      attempt,
      ...['claim', 'decrypt', 'request', 'response', 'commit', 'log'].map(
        (step) => `${attempt} > ${step}`,
      ),
      `${attempt} > response > provider request`,
    ].toSorted(),
  );
  expect(new Set(spans.map(({ traceId }) => traceId)).size).toBe(1);
  const named = (name: string) => spans.find((span) => span.name === name);
  expect(named('refresh request')?.resource).toEqual({
    'service.name': 'evergrant-api',
    'service.version': expect.stringMatching(/^\d+\.\d+\.\d+/),
  });
  expect(named('commit')?.resource).toMatchObject({ 'service.name': 'evergrant-worker' });
  const [entry] = await h.entries(id);
  expect(named('refresh attempt')?.attributes).toEqual({
    'evergrant.account_id': id,
    'evergrant.environment': 'production',
    'evergrant.exchange_outcome': 'ok',
    'evergrant.log_entry_id': entry?.id,
    'evergrant.outcome': 'refreshed',
    'evergrant.provider': 'ebay',
    'evergrant.run_id': entry?.run_id,
    'evergrant.source': 'api',
    'evergrant.workflow_id': entry?.workflow_id,
  });
  expect(entry?.trace_id).toBe(spans[0]?.traceId);
  const line = worker.output
    .join('')
    .split('\n')
    .find((one) => one.includes(`"${entry?.id}"`));
  expect(JSON.parse(line ?? '{}')).toMatchObject({ trace_id: entry?.trace_id });

  const listed = await ask('GET', `/api/admin/terminal-logs?trace=${entry?.trace_id}`);
  expect(listed.items).toMatchObject([{ id: entry?.id, trace_id: entry?.trace_id }]);
  const ofProvider = `/api/admin/ebay/tokens/terminal-logs?trace=${'0'.repeat(32)}`;
  expect(await ask('GET', ofProvider)).toMatchObject({ items: [] });
});

it('M3.2 the span of a request to a provider has its host and path, and no query', async () => {
  const { id } = await h.addAccount({ secretMarker: MARKER });
  h.sandbox.script({ subject: id, answer: { kind: 'respond', status: 503, body: MARKER } });
  h.sandbox.script({ subject: id, answer: { kind: 'drop', at: 'before_commit' } });
  await refresh(id);
  const spans = await spansOf(id, 2);
  const { hostname, port } = new URL(h.sandbox.url);
  const requests = spans.filter(({ name }) => name === 'provider request');
  expect(requests[0]).toMatchObject({
    attributes: {
      'http.request.method': 'POST',
      'http.response.status_code': 503,
      'server.address': hostname,
      'server.port': Number(port),
      'url.path': expect.stringMatching(/^\/[\w/.-]+$/),
      'url.scheme': 'http',
      'error.type': '503',
    },
    status: { code: 2, message: '' },
  });
  // Retries serve the same request, so they are in its trace.
  expect(new Set(spans.map(({ traceId }) => traceId)).size).toBe(1);
  await eventually(() =>
    collector.spans.some(({ attributes }) => attributes['error.type'] === 'AnswerLostError'),
  );
});

it('M3.1 each attempt of a sweep has its own trace, and its retries continue it', async () => {
  await h.closeCircuits();
  const accounts = await Promise.all(
    Array.from({ length: 4 }, () => h.addAccount({ secretMarker: MARKER })),
  );
  const [failing] = accounts;
  h.sandbox.script({
    subject: failing?.id ?? '',
    answer: { kind: 'respond', status: 503, body: MARKER },
  });
  await ask('POST', '/api/admin/internal/refresh-tokens', { provider: 'ebay' });
  const traces = await Promise.all(
    accounts.map(({ id }) => spansOf(id, id === failing?.id ? 2 : 1)),
  );
  const ids = traces.map((spans) => [...new Set(spans.map(({ traceId }) => traceId))]);
  expect(new Set(ids.flat()).size).toBe(4);
  for (const [index, spans] of traces.entries()) {
    const roots = spans.filter(({ parentSpanId }) => parentSpanId === '');
    expect(roots.map(({ name }) => name)).toEqual(['refresh attempt']);
    const entries = await h.entries(accounts[index]?.id ?? '');
    expect(entries.map(({ trace_id }) => trace_id)).toEqual(entries.map(() => ids[index]?.[0]));
  }
  expect(traces[0]?.map((span) => lineage(span, traces[0] ?? []))).toContain(
    'refresh attempt > refresh attempt > commit',
  );
});

it('M3.3 a caller cannot name the trace of an attempt', async () => {
  const { id } = await h.addAccount();
  const trace = randomBytes(16).toString('hex');
  const response = await fetch(`${await api.ready}/api/admin/accounts/${id}/refresh`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${key}`,
      'content-type': 'application/json',
      traceparent: `00-${trace}-${randomBytes(8).toString('hex')}-01`,
    },
    body: '{}',
  });
  expect(response.status).toBe(200);
  const spans = await spansOf(id);
  expect(spans.map(({ traceId }) => traceId)).not.toContain(trace);
});

it('M3.4 while the collector is unreachable, refreshes succeed, and the log says once that traces are lost', async () => {
  collector.answer(400);
  const { id } = await h.addAccount();
  expect(await refresh(id)).toMatchObject({ outcome: 'refreshed' });
  const warnings = () =>
    worker.output
      .join('')
      .split('\n')
      .filter((line) => line.includes('traces are not exported'));
  await eventually(() => warnings().length > 0);
  expect(await refresh(id)).toMatchObject({ outcome: 'refreshed' });
  collector.answer(200);
  const { id: later } = await h.addAccount();
  await refresh(later);
  await spansOf(later);
  expect(warnings()).toHaveLength(1);
  expect((await h.entries(id))[0]?.trace_id).toMatch(/^[0-9a-f]{32}$/);
});

it('M3.3 no byte that is exported holds a token or a secret, and no log line the headers of the export', async () => {
  const { id } = await h.addAccount({ secretMarker: MARKER });
  await refresh(id);
  worker.child.kill('SIGTERM');
  await worker.exited;
  // A stop exports the last spans.
  const ended = collector.spans.filter(({ name }) => name === 'refresh attempt');
  expect(ended.map(({ attributes }) => attributes['evergrant.account_id'])).toContain(id);
  const exported = Buffer.concat(collector.bytes).toString('latin1');
  // The search finds what is there.
  expect(hits(exported, ['refresh attempt'])).not.toEqual([]);
  expect(hits(exported, [MARKER, h.clientSecret, key, h.encryptionKeys.slice(3)])).toEqual([]);
  expect(new Set(collector.headers)).toEqual(new Set([HEADER]));
  expect([...worker.output, ...api.output].join('')).not.toContain(HEADER);
});

it(
  'M3.5 a process loads OpenTelemetry only if traces are exported',
  async () => {
    const preload = {
      NODE_OPTIONS: `--require ${join(__dirname, '..', 'support', 'print-modules.cjs')}`,
      METRICS_PORT: 'off',
    };
    /** The packages that an API and a worker process have loaded when they stop. */
    const loaded = async (environment: Record<string, string>): Promise<string[][]> => {
      const server = spawnApi(h, { ...preload, ...environment });
      const started = [await startWorkerProcess({ ...preload, ...environment }), server];
      await server.ready;
      return Promise.all(
        started.map(async ({ child, output }) => {
          child.kill('SIGTERM');
          const line = await eventually(
            () => /^\{"msg":"loaded".*\}$/m.exec(output.join(''))?.[0] ?? false,
            START_MS,
          );
          return JSON.parse(line).packages;
        }),
      );
    };
    // prom-client depends on the interfaces, which are no SDK.
    for (const packages of await loaded({}))
      expect(packages.filter((name) => name !== '@opentelemetry/api')).toEqual([]);
    for (const packages of await loaded(traced()))
      expect(packages).toContain('@opentelemetry/sdk-trace-node');
  },
  2 * START_MS,
);
