/** A worker process on the harness's engines, to be stopped and started again, and the `temporal` command beside it. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { type EvergrantProcess, providersFile, startProcess } from '../start/_evergrant';
import { engines } from '../support/engines';
import { CLIENT_ID, type Harness } from '../support/harness';

/** Starts a worker process and waits until it has ensured its schedules. */
export async function startWorkerProcess(
  h: Harness,
  policy: Record<string, string> = {},
  provider = 'ebay',
): Promise<EvergrantProcess> {
  const run = startProcess('worker/main.js', {
    MONGODB_URI: h.mongodbUri,
    TEMPORAL_ADDRESS: engines.temporalAddress,
    TEMPORAL_NAMESPACE: h.namespace,
    ENCRYPTION_KEYS: h.encryptionKeys,
    EBAY_CLIENT_ID: CLIENT_ID,
    EBAY_CLIENT_SECRET: h.clientSecret,
    // Sweeps that found nothing due are logged at this level.
    LOG_LEVEL: 'debug',
    ...providersFile(h.sandbox.tokenEndpoint('ebay'), policy, provider),
  });
  await run.logged(/^worker ready$/);
  return run;
}

/** Runs `temporal` as an operator types it. */
export async function temporalCommand(h: Harness, ...args: string[]): Promise<string> {
  const place = ['--address', engines.temporalAddress, '--namespace', h.namespace];
  return (await promisify(execFile)(engines.temporalCli, [...args, ...place])).stdout;
}

/** Runs `temporal` and parses its JSON output. */
export async function temporalJson(h: Harness, ...args: string[]): Promise<any> {
  return JSON.parse(await temporalCommand(h, ...args, '--output', 'json'));
}
