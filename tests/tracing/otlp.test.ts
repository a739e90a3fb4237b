/** The export of spans: what leaves the process, and what happens while the collector does not accept it. */
import { createOtlpTracer } from '../../src/tracing/otlp';
import { beginSpan, NO_SPAN, traceWith } from '../../src/tracing/span';
import { type Collector, startCollector } from '../support/collector';
import { increaseOf } from '../support/metrics';

let collector: Collector;
const said: string[] = [];
const logger = {
  info: (...args: unknown[]) => void said.push(JSON.stringify(args)),
  warn: (...args: unknown[]) => void said.push(JSON.stringify(args)),
};
const tracer = (url = `${collector.url}/v1/traces`) =>
  createOtlpTracer({ url, service: { name: 'evergrant-test', version: '1.2.3' }, logger });

beforeEach(async () => {
  said.length = 0;
  collector = await startCollector();
});
afterEach(() => collector.stop());

it('M3.3 only listed names and attributes leave the process', async () => {
  const exporting = tracer();
  const span = exporting.begin(
    'refresh attempt',
    { 'evergrant.source': 'api', refresh_token: 'v^1.1#secret' } as object,
    undefined,
  );
  span.begin('secret' as 'claim', { 'url.path': '/token' }).end('AnswerLostError');
  span.end();
  await exporting.stop();
  expect(collector.spans).toMatchObject([
    {
      name: 'other',
      parentSpanId: collector.spans[1]?.spanId,
      attributes: { 'url.path': '/token', 'error.type': 'AnswerLostError' },
      status: { code: 2, message: '' },
    },
    { name: 'refresh attempt', parentSpanId: '', attributes: { 'evergrant.source': 'api' } },
  ]);
  for (const { attributes, resource, events, links } of collector.spans) {
    expect(Object.keys(attributes).join()).not.toContain('token');
    expect(resource).toEqual({ 'service.name': 'evergrant-test', 'service.version': '1.2.3' });
    expect([...events, ...links]).toEqual([]);
  }
  expect(Buffer.concat(collector.bytes).toString('latin1')).not.toContain('secret');
});

it('a span continues the trace of a context, and begins a trace without one or with a malformed one', async () => {
  const exporting = tracer();
  const first = exporting.begin('refresh request', {}, undefined);
  expect(first.context).toMatch(new RegExp(`^00-${first.traceId}-[0-9a-f]{16}-01$`));
  const second = exporting.begin('refresh attempt', {}, first.context);
  expect(second.traceId).toBe(first.traceId);
  for (const malformed of [`${first.context}x`, '00-0-0-01', 'secret'])
    expect(exporting.begin('refresh attempt', {}, malformed).traceId).not.toBe(first.traceId);
  await exporting.stop();
});

it('an attempt of a trace that is not sampled has no trace to show', async () => {
  const exporting = tracer();
  const span = exporting.begin('refresh attempt', {}, `00-${'a'.repeat(32)}-${'b'.repeat(16)}-00`);
  expect(span).toMatchObject({ traceId: undefined });
  expect(span.context).toMatch(/^00-a{32}-[0-9a-f]{16}-00$/);
  expect(span.begin('claim')).toBe(NO_SPAN);
  span.end();
  await exporting.stop();
  expect(collector.spans).toEqual([]);
});

describe.each([
  ['refuses the connection', 'http://127.0.0.1:9/v1/traces', 200],
  ['answers with 400', null, 400],
  ['never answers', null, 0],
])('M3.4 while a collector %s,', (_, url, status) => {
  it('spans beyond the bound are dropped, the others are counted as not exported, and a stop ends', async () => {
    collector.answer(status);
    const exporting = tracer(url ?? undefined);
    const increase = await increaseOf(async () => {
      for (let number = 0; number < 5_000; number += 1)
        exporting.begin('refresh attempt', {}, undefined).end();
      await exporting.stop();
    });
    const dropped = (reason: string) =>
      increase[`evergrant_trace_spans_dropped_total{reason="${reason}"}`] ?? 0;
    expect(dropped('queue_full')).toBe(5_000 - 2_048);
    expect(dropped('not_exported')).toBe(2_048);
    expect(said).toEqual([expect.stringContaining('traces are not exported')]);
  });
});

it('spans do nothing in a process without a tracer', () => {
  expect(beginSpan('refresh attempt', {}, undefined)).toBe(NO_SPAN);
  const exporting = tracer();
  traceWith(exporting);
  expect(beginSpan('refresh attempt', {}, undefined)).not.toBe(NO_SPAN);
  traceWith(null);
  expect(beginSpan('refresh attempt', {}, undefined)).toBe(NO_SPAN);
  return exporting.stop();
});
