/** The environment of every bench: engines, the provider's process, and a separate setting per run. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Engines, startEngines, type TemporalKind } from './engines';
import { ProviderProcess } from './provider-process';
import { type Need, PROVIDER, type Setting } from './side';

export const log = (line: string) => process.stderr.write(`${line}\n`);

export class Stage {
  readonly engines: Engines;
  readonly provider: ProviderProcess;
  readonly scratch: string;
  readonly #client: { clientId: string; clientSecret: string };

  private constructor(
    engines: Engines,
    provider: ProviderProcess,
    scratch: string,
    client: { clientId: string; clientSecret: string },
  ) {
    this.engines = engines;
    this.provider = provider;
    this.scratch = scratch;
    this.#client = client;
  }

  /** Starts the stage, runs the bench on it, and removes it; keeps the scratch folder after a failure. */
  static async with(
    needs: readonly Need[],
    run: (stage: Stage) => Promise<void>,
    temporal: TemporalKind = 'embedded',
  ): Promise<void> {
    const scratch = mkdtempSync(join(tmpdir(), 'evergrant-bench-'));
    const engines = await startEngines(new Set(needs), scratch, log, temporal);
    try {
      const client = { clientId: 'bench', clientSecret: randomBytes(16).toString('hex') };
      const provider = await ProviderProcess.start(client);
      try {
        await run(new Stage(engines, provider, scratch, client));
      } finally {
        await provider.stop();
      }
    } finally {
      await engines.stop();
    }
    rmSync(scratch, { recursive: true, force: true });
  }

  /**
   * Creates a separate database, namespace and keys for a run.
   * @param entry further members of the provider's entry in `providers.yaml`
   */
  setting(concurrency = 1, entry: Record<string, string> = {}): Setting {
    const id = randomBytes(4).toString('hex');
    const { tokenEndpoint } = this.provider;
    const providersFile = join(this.scratch, `providers-${id}.yaml`);
    const environments = { production: { ...this.#client, tokenEndpoint } };
    // JSON is YAML.
    writeFileSync(
      providersFile,
      JSON.stringify({ providers: { [PROVIDER]: { ...entry, environments } } }),
    );
    return {
      ...this.#client,
      mongodbUri: this.engines.mongodbUri(`evergrant_bench_${id}`),
      encryptionKeys: `k1:${randomBytes(32).toString('base64')}`,
      tokenEndpoint,
      providersFile,
      concurrency,
      temporal: { address: this.engines.temporalAddress, namespace: `bench-${id}` },
      redisUrl: this.engines.redisUrl,
      logFile: join(this.scratch, `side-${id}.log`),
    };
  }
}

/** Runs a bench as a program. The process exits with the end of its work, even if connections are open. */
export function program(main: () => Promise<void>): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
  main().then(
    // The library of a queue may keep a connection open after its close.
    () => process.exit(0),
    (error: unknown) => {
      process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
      process.exit(1);
    },
  );
}
