/** The embedded Temporal dev server on loopback, with one SQLite file and optionally the web UI. */
import { access, mkdir, rename, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { Connection } from '@temporalio/client';
import type { EngineOptions, RunningEngine } from '../engine';
import { LOOPBACK, usualOrFreePort } from '../ports';
import { runEngine } from '../run-engine';
import { temporalBinary } from './temporal-binary';

const USUAL_PORTS = { grpc: 7233, ui: 8233 };
const DEFAULT_NAMESPACE = 'default';
const READY_WITHIN_MS = 90_000;
const CONNECT_TIMEOUT = '2s';
/**
 * With a write-ahead log, a commit is one append and one sync. With `FULL`, a commit is on disk before it is
 * acknowledged, so it survives a killed process and a power failure.
 */
const SQLITE_PRAGMAS = { journal_mode: 'WAL', synchronous: 'FULL' };
const UI_WARNING =
  'It has no sign-in and accepts any Host header, so every user of this machine, and web pages by DNS rebinding, can read and change workflows.';
const INDEXED_VALUE_TYPES = { Keyword: 2, Int: 3 } as const; // temporal.api.enums.v1.IndexedValueType

export interface RunningTemporal extends RunningEngine {
  address: string;
  /** `null`: the web UI is disabled. */
  uiUrl: string | null;
  /** Path of the `temporal` command that runs the server, for hints in the banner. */
  cliPath: string;
}

export interface TemporalOptions extends EngineOptions {
  /** Registered at start if missing. */
  searchAttributes: Record<string, keyof typeof INDEXED_VALUE_TYPES>;
  /** Starts the web UI, which has no authentication and does not check the `Host` header. Default: false. */
  ui?: boolean;
  /** Preferred ports; 0 means any. If one is in use, a free port replaces it. */
  ports?: { grpc: number; ui: number };
  namespace?: string;
  /** Passed as `--dynamic-config-value`; values are JSON. */
  dynamicConfig?: Record<string, string>;
}

interface Where {
  address: string;
  grpc: number;
  /** `null`: no web UI. */
  ui: number | null;
}

/**
 * Starts the dev server on the data directory and waits until the namespace answers.
 *
 * @throws {NoStrategyWorked} if no `temporal` command is available.
 * @throws {EngineNotReady} if it does not start; the message ends with its log.
 */
export async function startTemporal(options: TemporalOptions): Promise<RunningTemporal> {
  const { log, environment, ports = USUAL_PORTS, namespace = DEFAULT_NAMESPACE } = options;
  const folder = resolve(options.dataDir, 'temporal');
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const binary = await temporalBinary(options);
  const database = join(folder, 'temporal.db');
  const complete = join(folder, 'temporal.db.complete');

  const { where, ...engine } = await runEngine<Where>({
    name: 'Temporal',
    strategy: binary.strategy,
    folder,
    log,
    readyWithinMs: READY_WITHIN_MS,
    place: async () => {
      await renameIncomplete(database, complete);
      const grpc = await usualOrFreePort('Temporal', ports.grpc, log);
      const ui = options.ui ? await usualOrFreePort("Temporal's web UI", ports.ui, log) : null;
      return { address: `${LOOPBACK}:${grpc}`, grpc, ui };
    },
    command: ({ grpc, ui }) => ({
      command: binary.path,
      args: serverArguments(options, namespace, database, grpc, ui),
      environment,
    }),
    probe: ({ address }) => probe(address, namespace, options.searchAttributes),
  });
  await writeFile(complete, '');
  const uiUrl = where.ui === null ? null : `http://${LOOPBACK}:${where.ui}`;
  log(`Temporal is ready at ${where.address} (${binary.strategy})`);
  if (uiUrl !== null) log(`Temporal: web UI at ${uiUrl}. ${UI_WARNING}`);
  return { ...engine, address: where.address, uiUrl, cliPath: binary.path };
}

function serverArguments(
  { searchAttributes, dynamicConfig }: TemporalOptions,
  namespace: string,
  database: string,
  grpc: number,
  ui: number | null,
): string[] {
  const configuration = {
    'frontend.enableServerVersionCheck': 'false', // the check would send a request to a server of Temporal
    // The HTTP API cannot be disabled, and any web page that finds its port could start workflows. Allow no host.
    'frontend.httpAllowedHosts': '[]',
    ...dynamicConfig,
  };
  const attributes = Object.entries(searchAttributes).map(([name, type]) => `${name}=${type}`);
  const settings = Object.entries(configuration).map(([name, value]) => `${name}=${value}`);
  const pragmas = Object.entries(SQLITE_PRAGMAS).map(([name, value]) => `${name}=${value}`);
  const flags: [string, string][] = [
    ['--ip', LOOPBACK],
    ['--port', String(grpc)],
    ['--db-filename', database],
    ...pragmas.map((value): [string, string] => ['--sqlite-pragma', value]),
    ['--log-level', 'warn'],
    ['--color', 'never'],
    ...attributes.map((value): [string, string] => ['--search-attribute', value]),
    ...settings.map((value): [string, string] => ['--dynamic-config-value', value]),
  ];
  if (namespace !== DEFAULT_NAMESPACE) flags.push(['--namespace', namespace]);
  if (ui !== null) flags.push(['--ui-ip', LOOPBACK], ['--ui-port', String(ui)]);
  return ['server', 'start-dev', ...flags.flat(), ...(ui === null ? ['--headless'] : [])];
}

/**
 * Renames the file of a first start that was killed. The server creates its schema only if no file exists, so it could
 * never use that file.
 */
async function renameIncomplete(database: string, complete: string): Promise<void> {
  if (!(await exists(database)) || (await exists(complete))) return;
  const renamed = `${database}.incomplete-${Date.now()}`;
  for (const suffix of ['', '-wal', '-shm', '-journal']) {
    // oxlint-disable-next-line no-await-in-loop -- the database itself first
    await rename(`${database}${suffix}`, `${renamed}${suffix}`).catch(() => {});
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/** Ready: the namespace answers and has all search attributes. Adds those that are new in this version. */
async function probe(
  address: string,
  namespace: string,
  searchAttributes: TemporalOptions['searchAttributes'],
): Promise<void> {
  const connection = await Connection.connect({ address, connectTimeout: CONNECT_TIMEOUT });
  try {
    await connection.workflowService.describeNamespace({ namespace });
    const { customAttributes } = await connection.operatorService.listSearchAttributes({
      namespace,
    });
    const missing = Object.entries(searchAttributes).filter(
      ([name]) => !(name in customAttributes),
    );
    if (missing.length > 0) {
      await connection.operatorService.addSearchAttributes({
        namespace,
        searchAttributes: Object.fromEntries(
          missing.map(([name, type]) => [name, INDEXED_VALUE_TYPES[type]]),
        ),
      });
    }
  } finally {
    await connection.close();
  }
}
