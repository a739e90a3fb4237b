/** Load on an HTTP server with autocannon. Checks every response and records every latency. */
import { once } from 'node:events';
import { join } from 'node:path';
import { quantile } from './table';

/** The same limit, in seconds, that the API has for a refresh. */
const ANSWERED_WITHIN_SECONDS = 60;

/** The used part of autocannon, which is installed on first use and so cannot be imported statically. */
interface Autocannon {
  (options: {
    url: string;
    connections: number;
    amount: number;
    timeout: number;
    headers: Record<string, string>;
    setupClient(client: { setRequests(requests: AskedOnce[]): void }): void;
  }): NodeJS.EventEmitter;
}
interface AskedOnce {
  path: string;
  onResponse(status: number, body: string): void;
}

export interface Load {
  url: string;
  apiKey: string;
  /** One path per request. Each connection sends its share of them sequentially. */
  paths: readonly string[];
  connections: number;
  check: (path: string, status: number, body: string) => void;
}

export interface Loaded {
  perSecond: number;
  p50Ms: number;
  p99Ms: number;
}

/** @throws the first error of `check`, or an error if a request was not answered */
export async function load({ url, apiKey, paths, connections, check }: Load): Promise<Loaded> {
  const module = join(__dirname, '..', 'node_modules', 'autocannon', 'autocannon.js');
  const { default: autocannon }: { default: Autocannon } = await import(module);
  let wrong: Error | null = null;
  let clients = 0;
  const latencies: number[] = [];
  const started = performance.now();
  const run = autocannon({
    url,
    connections,
    amount: paths.length,
    timeout: ANSWERED_WITHIN_SECONDS,
    headers: { authorization: `Bearer ${apiKey}` },
    setupClient(client) {
      const own = paths.filter((_, n) => n % connections === clients);
      clients += 1;
      client.setRequests(
        own.map((path) => ({
          path,
          onResponse(status, body) {
            try {
              check(path, status, body);
            } catch (error) {
              wrong ??= error instanceof Error ? error : new Error(String(error));
            }
          },
        })),
      );
    },
  });
  let ended = started;
  run.on('response', (_client, _status, _bytes, latencyMs: number) => {
    latencies.push(latencyMs);
    ended = performance.now();
  });
  await once(run, 'done');
  failIf(wrong);
  if (latencies.length !== paths.length)
    throw new Error(`${latencies.length} of ${paths.length} requests were answered`);
  return {
    perSecond: (paths.length / (ended - started)) * 1000,
    p50Ms: quantile(latencies, 0.5),
    p99Ms: quantile(latencies, 0.99),
  };
}

/** A callback sets the variable, which the compiler does not see. */
function failIf(wrong: Error | null): void {
  if (wrong !== null) throw wrong;
}
