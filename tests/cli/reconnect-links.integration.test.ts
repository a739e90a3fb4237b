/** C20: `evergrant accounts reconnect-links` against a real API. */
import { randomUUID } from 'node:crypto';
import { parse } from 'csv-parse/sync';
import { AccountState } from '../../src/domain/account/account';
import type { RunningApi } from '../../src/server/serve';
import { type Harness, startHarness } from '../support/harness';
import { serve, startCli } from './_cli';

const organisation = `org-${randomUUID()}`;

let h: Harness;
let api: RunningApi;
let environment: Record<string, string>;
beforeAll(async () => {
  h = await startHarness({ worker: false });
  api = await serve(h);
  const key = await h.key({ organisation, scopes: ['connect'] });
  environment = { EVERGRANT_URL: api.url, EVERGRANT_API_KEY: key };
  for (const label of ['Harbour Books', 'Saffron, used']) {
    // oxlint-disable-next-line no-await-in-loop -- the harness adds one account at a time
    const { id } = await h.addAccount({ organisation, label });
    const patch = { state: AccountState.needsReconnect, stateReason: 'Refused.' };
    // oxlint-disable-next-line no-await-in-loop
    await h.store.accounts.patch(organisation, id, patch, new Date());
  }
});
afterAll(async () => {
  await api?.stop();
  await h?.stop();
});

const cli = (...args: string[]) =>
  startCli(environment, ['accounts', 'reconnect-links', ...args], '').ended;

it('C20 prints CSV, and the numbers on stderr', async () => {
  const ran = await cli();
  expect(ran).toMatchObject({ code: 0, stderr: '2 links for 2 accounts.\n' });
  const rows = parse<Record<string, string>>(ran.stdout, { columns: true });
  expect(new Set(rows.map(({ label }) => label))).toEqual(
    new Set(['Harbour Books', 'Saffron, used']),
  );
  expect(rows.every(({ link }) => /\/connect\/[\w-]{43}$/.test(link ?? ''))).toBe(true);
});

it('C20 prints one JSON object per line for a filter', async () => {
  const ran = await cli('--format', 'jsonl', '--search', 'harbour', '--expires-in', '600');
  expect(ran.code).toBe(0);
  expect(ran.json()).toMatchObject({ label: 'Harbour Books', reason: 'Refused.' });
});

it('C20 exits with 2 for a wrong option', async () => {
  expect(await cli('--format', 'xml')).toMatchObject({ code: 2, stdout: '' });
  expect(await cli('--expires-in', '5')).toMatchObject({ code: 2 });
});
