/** Closing a connection to Temporal in the middle of a call. */
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from '@temporalio/client';
import { openConnection } from '../../src/temporal/connection';
import { engines } from '../support/engines';
import { startTcpProxy } from '../support/tcp-proxy';

/** Longer than the pause, in ms, before the SDK's first retry. */
const RETRIED_WITHIN_MS = 1_000;

// Jest fails the running test on an uncaught exception.
it('a closed connection retries no call that fails', async () => {
  const proxy = await startTcpProxy();
  const address = new URL(proxy.through(`http://${engines.temporalAddress}`)).host;
  const connection = await openConnection({ address });
  const client = new Client({ connection });
  const handle = await client.workflow.start('nobodyListens', {
    taskQueue: randomUUID(),
    workflowId: randomUUID(),
  });
  // A long poll, which is in flight until the workflow ends.
  const ended = handle.result().catch((error: unknown) => error);
  await delay(100);
  await connection.close();
  proxy.drop();
  expect(await ended).toBeInstanceOf(Error);
  await delay(RETRIED_WITHIN_MS);
  await proxy.stop();
});

it('a connection that is closed ends a call that waits for its retry', async () => {
  const proxy = await startTcpProxy();
  const address = new URL(proxy.through(`http://${engines.temporalAddress}`)).host;
  const connection = await openConnection({ address });
  const client = new Client({ connection });
  await proxy.stop();
  const ended = client.workflow
    .getHandle(randomUUID())
    .describe()
    .catch((error: unknown) => error);
  // Some attempts have failed by now, and the next one waits.
  await delay(300);
  await connection.close();
  expect(await ended).toBeInstanceOf(Error);
  // A call that begins after the close ends with the same status.
  const later = client.workflow.getHandle(randomUUID()).describe();
  await expect(later).rejects.toMatchObject({ name: 'ServiceError' });
  await delay(RETRIED_WITHIN_MS);
});
