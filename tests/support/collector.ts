/** A collector of traces on loopback: OTLP over HTTP, decoded, with every byte that it received. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import protobuf from 'protobufjs';

/** The members of OTLP's messages that tests read. Others, such as events and links, are kept as raw bytes. */
const { root } = protobuf.parse(`
  syntax = "proto3";
  message Request { repeated ResourceSpans resource_spans = 1; }
  message ResourceSpans { Resource resource = 1; repeated ScopeSpans scope_spans = 2; }
  message Resource { repeated KeyValue attributes = 1; }
  message ScopeSpans { repeated Span spans = 2; }
  message KeyValue { string key = 1; AnyValue value = 2; }
  message AnyValue { oneof value { string string_value = 1; bool bool_value = 2; int64 int_value = 3; double double_value = 4; } }
  message Status { string message = 2; int32 code = 3; }
  message Span {
    bytes trace_id = 1; bytes span_id = 2; string trace_state = 3; bytes parent_span_id = 4; string name = 5; int32 kind = 6;
    fixed64 start = 7; fixed64 end = 8; repeated KeyValue attributes = 9; repeated bytes events = 11; repeated bytes links = 13;
    Status status = 15;
  }
`);
const Request = root.lookupType('Request');

export interface ReceivedSpan {
  traceId: string;
  spanId: string;
  /** Empty: the span has no parent. */
  parentSpanId: string;
  name: string;
  attributes: Record<string, unknown>;
  /** The attributes of the resource. */
  resource: Record<string, unknown>;
  events: unknown[];
  links: unknown[];
  /** 2: failed. */
  status: { code: number; message: string };
}

export interface Collector {
  /** For `OTEL_EXPORTER_OTLP_ENDPOINT`. */
  url: string;
  spans: ReceivedSpan[];
  /** The bodies of all requests. */
  bytes: Buffer[];
  /** The header `x-test` of each request. */
  headers: unknown[];
  /** From here on, each request gets this status; 0: no answer. */
  answer(status: number): void;
  stop(): Promise<void>;
}

export async function startCollector(): Promise<Collector> {
  let status = 200;
  const spans: ReceivedSpan[] = [];
  const bytes: Buffer[] = [];
  const headers: unknown[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      if (status === 0) return;
      const body = Buffer.concat(chunks);
      if (status === 200) {
        bytes.push(body);
        headers.push(request.headers['x-test']);
        spans.push(...decoded(body));
      }
      response.writeHead(status, { 'content-type': 'application/x-protobuf' }).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    spans,
    bytes,
    headers,
    answer(given) {
      status = given;
    },
    async stop() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

function decoded(body: Buffer): ReceivedSpan[] {
  const request: any = Request.toObject(Request.decode(body), {
    longs: Number,
    defaults: true,
    arrays: true,
  });
  return request.resourceSpans.flatMap(({ resource, scopeSpans }: any) =>
    scopeSpans.flatMap((scope: any) =>
      scope.spans.map((span: any) => ({
        traceId: hex(span.traceId),
        spanId: hex(span.spanId),
        parentSpanId: hex(span.parentSpanId),
        name: span.name,
        attributes: record(span.attributes),
        resource: record(resource.attributes),
        events: span.events,
        links: span.links,
        status: { code: span.status?.code ?? 0, message: span.status?.message ?? '' },
      })),
    ),
  );
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

function record(attributes: any[]): Record<string, unknown> {
  return Object.fromEntries(
    attributes.map(({ key, value }) => [
      key,
      ['stringValue', 'intValue', 'doubleValue', 'boolValue']
        .filter((name) => Object.hasOwn(value, name))
        .map((name) => value[name])
        .find((one) => one !== '' && one !== 0 && one !== false),
    ]),
  );
}
