/** C24, C25: `evergrant connect-settings` against a real API. */
import { randomUUID } from 'node:crypto';
import type { RunningApi } from '../../src/server/serve';
import { type Harness, startHarness } from '../support/harness';
import { serve, startCli } from './_cli';

let h: Harness;
let api: RunningApi;
let environment: Record<string, string>;
beforeAll(async () => {
  h = await startHarness({ worker: false });
  api = await serve(h);
  const key = await h.key({ organisation: `org-${randomUUID()}`, scopes: ['admin'] });
  environment = { EVERGRANT_URL: api.url, EVERGRANT_API_KEY: key };
});
afterAll(async () => {
  await api?.stop();
  await h?.stop();
});

const cli = (...args: string[]) => startCli(environment, ['connect-settings', ...args], '').ended;

it('C24 C25 sets, shows and resets settings', async () => {
  const urls = ['--return-url', 'https://a.example/1', '--return-url', 'https://a.example/2'];
  const set = await cli('set', '--name', 'Harbour Books', ...urls, '--json');
  expect(set).toMatchObject({ code: 0, stderr: '' });
  expect(set.json()).toMatchObject({
    organisation_name: 'Harbour Books',
    return_urls: ['https://a.example/1', 'https://a.example/2'],
    sources: { return_urls: 'organisation', logo_url: 'none' },
  });
  const shown = await cli('show');
  expect(shown.stdout).toMatch(/^name +Harbour Books +organisation$/m);
  expect(shown.stdout).toMatch(/^return-url +https:\/\/a\.example\/2 +organisation$/m);
  expect(shown.stdout).toMatch(/^logo +– +none$/m);
  const reset = await cli('set', '--reset', 'name', '--no-return-urls', '--json');
  expect(reset.json()).toMatchObject({
    organisation_name: null,
    return_urls: [],
    sources: { organisation_name: 'none', return_urls: 'organisation' },
  });
});

it.each([
  [['set']],
  [['set', '--reset', 'colour']],
  [['set', '--name', 'x', '--reset', 'name']],
  [['set', '--return-url', 'https://a.example/', '--no-return-urls']],
  [['set', '--return-url', 'https://me@a.example/']],
])('C24 exits with 2 for wrong usage: %j', async (args) => {
  expect(await cli(...args)).toMatchObject({ code: 2, stdout: '' });
});
