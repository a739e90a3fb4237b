/**
 * Downloads a program. The archive is verified against the pinned SHA-256 before it is unpacked. The download fails
 * after a time without data, so that a slow connection can still finish.
 */
import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { EnvHttpProxyAgent, fetch } from 'undici';
import type { Archive } from './archives';
import { keepProgram } from './checked-program';
import type { EngineOptions } from './engine';
import { runGuarded } from './guard/guarded-process';
import { withProgress } from './progress';
import { withStagingFolder } from './staging-folder';

/** Time without data, in ms, after which a download fails. */
const SILENCE_MAX_MS = 45_000;
const DOWNLOAD_WITHIN_MS = 15 * 60_000;
const UNPACK_WITHIN_MS = 2 * 60_000;

/**
 * Downloads the archive and keeps its program in the cache.
 *
 * @throws if the server is unreachable, the archive ends early, or its hash differs; the cache is then unchanged.
 */
export async function download(
  engine: string,
  archive: Archive,
  path: string,
  options: EngineOptions,
): Promise<void> {
  await withStagingFolder(path, async (staging) => {
    const file = join(staging, 'archive');
    await fetchChecked(engine, archive, file, options);
    const unpacked = join(staging, 'unpacked');
    await mkdir(unpacked);
    const result = await runGuarded(
      {
        command: 'tar',
        args: [
          '--no-same-owner', // as root, tar would use the owner named in the archive
          `--strip-components=${archive.stripped}`,
          '-xzf',
          file,
          '-C',
          unpacked,
        ],
        environment: options.environment,
      },
      { timeoutMs: UNPACK_WITHIN_MS },
    );
    if (result.timedOut || result.code !== 0) throw new Error(`tar failed: ${result.output}`);
    await keepProgram(join(unpacked, archive.program), path);
  });
}

async function fetchChecked(
  engine: string,
  { url, sha256 }: Archive,
  file: string,
  { log, environment = process.env }: EngineOptions,
): Promise<void> {
  const silence = new AbortController();
  const giveUp = () => silence.abort(new Error(`no data received for ${SILENCE_MAX_MS / 1000} s`));
  let timer = setTimeout(giveUp, SILENCE_MAX_MS);
  const hash = createHash('sha256');
  let bytes = 0;
  const agent = proxyAgent(environment);
  async function* counted(chunks: AsyncIterable<Uint8Array>) {
    for await (const chunk of chunks) {
      clearTimeout(timer);
      timer = setTimeout(giveUp, SILENCE_MAX_MS);
      bytes += chunk.length;
      hash.update(chunk);
      yield chunk;
    }
  }
  const fetched = async (): Promise<void> => {
    const response = await fetch(url, {
      dispatcher: agent,
      signal: AbortSignal.any([silence.signal, AbortSignal.timeout(DOWNLOAD_WITHIN_MS)]),
    });
    if (!response.ok || response.body === null) throw new Error(`${url}: HTTP ${response.status}`);
    await pipeline(response.body, counted, createWriteStream(file));
  };
  try {
    await withProgress(
      log,
      (elapsed) => `${engine}: downloading: ${(bytes / 1e6).toFixed(1)} MB, ${elapsed}`,
      fetched(),
    );
  } catch (error) {
    throw new Error(`${url}: ${reasonOf(error)}`, { cause: error });
  } finally {
    clearTimeout(timer);
    await agent.destroy();
  }
  const found = hash.digest('hex');
  if (found !== sha256) {
    throw new Error(
      `${url} has the SHA-256 ${found}, but ${sha256} is expected. The archive was changed and is not used`,
    );
  }
}

/** Returns the message of the cause, because the outer message is only "fetch failed" or "terminated". */
function reasonOf(error: unknown): string {
  const innermost = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  return innermost instanceof Error ? innermost.message : String(innermost);
}

function proxyAgent(environment: NodeJS.ProcessEnv): EnvHttpProxyAgent {
  const variable = (name: string): string =>
    environment[name] ?? environment[name.toUpperCase()] ?? '';
  return new EnvHttpProxyAgent({
    httpProxy: variable('http_proxy'),
    httpsProxy: variable('https_proxy'),
    noProxy: variable('no_proxy'),
  });
}
