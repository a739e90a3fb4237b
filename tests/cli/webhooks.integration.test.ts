/** The webhook commands of the CLI. */
import { randomUUID } from 'node:crypto';
import type { RunningApi } from '../../src/server/serve';
import { type Harness, startHarness } from '../support/harness';
import { type Receiver, startReceiver } from '../webhooks/_receiver';
import { rows, serve, startCli } from './_cli';

let h: Harness;
let api: RunningApi;
let receiver: Receiver;
let environment: Record<string, string>;
beforeAll(async () => {
  receiver = await startReceiver();
  h = await startHarness();
  api = await serve(h);
  const organisation = `org-${randomUUID()}`;
  const key = await h.key({ organisation, scopes: ['admin'] });
  environment = { EVERGRANT_URL: api.url, EVERGRANT_API_KEY: key };
});
afterAll(async () => {
  await api?.stop();
  await h?.stop();
  await receiver?.stop();
});

const cli = (...args: string[]) => startCli(environment, ['webhooks', ...args], '').ended;

it('the webhook commands add, test, list deliveries, replay, rotate and remove', async () => {
  const added = await cli('add', receiver.url(), '--event', 'account.recovered', '--json');
  expect({ code: added.code, stderr: added.stderr }).toEqual({ code: 0, stderr: '' });
  const { id, secret, event_types } = added.json();
  expect(event_types).toEqual(['account.recovered']);
  expect(rows((await cli('list')).stdout)).toMatchObject([
    { id, state: 'enabled', url: receiver.url(), events: 'account.recovered' },
  ]);
  const test = await cli('test', id);
  expect(test).toMatchObject({ code: 0, stdout: expect.stringMatching(/^delivered: 204 20\d\d-/) });
  const [delivery] = rows((await cli('deliveries', id)).stdout);
  expect(delivery).toMatchObject({ event: 'webhook.test', state: 'delivered', attempts: '1' });
  expect((await cli('replay', delivery?.['id'] ?? '')).code).toBe(0);
  const rotated = await cli('rotate-secret', id, '--overlap', '3600');
  expect(rotated.stdout).toMatch(/^secret +whsec_/m);
  expect(rotated.stdout).not.toContain(secret);
  expect((await cli('remove', id)).code).toBe(0);
  expect((await cli('list')).stdout).toBe('No webhooks yet.\n');
});

it('the webhook commands report an invalid URL, an unknown id, and an invalid overlap', async () => {
  const refused = await cli('add', 'ftp://example.com/');
  expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining('url: must begin') });
  expect(await cli('test', 'whk_absent')).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('Your organisation has no webhook whk_absent.'),
  });
  expect((await cli('rotate-secret', 'whk_absent', '--overlap', 'a day')).code).toBe(2);
});
