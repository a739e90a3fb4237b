/** Processes whose `providers.yaml` names a provider file of the operator: its account is refreshed and served. */
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseProviderFile } from '../../src/providers/catalogue/read-file';
import { type Sandbox, startSandbox } from '../../src/sandbox/server';
import { ask, cleanUp, START_MS, sharedEngines, startProcess, temporaryFolder } from './_evergrant';

const CLIENT = { clientId: 'an-app', clientSecret: randomBytes(16).toString('hex') };
const KEY = randomBytes(24).toString('hex');
/** A provider that the catalogue does not have. */
const ACME = readFileSync(join(__dirname, '../../providers/xero.yaml'), 'utf8')
  .replace('id: xero', 'id: acme')
  .replaceAll('name: Xero', 'name: Acme')
  .replaceAll('identity.xero.com', 'login.acme.example');

let sandbox: Sandbox;
let url: string;

beforeAll(async () => {
  sandbox = await startSandbox({ ...CLIENT, files: [parseProviderFile('acme', ACME)] });
  const folder = temporaryFolder();
  mkdirSync(join(folder, 'own'));
  writeFileSync(join(folder, 'own/acme.yaml'), ACME);
  const { tokenEndpoint, authorizationEndpoint } = sandbox.endpoints('acme');
  const entry = { ...CLIENT, tokenEndpoint, authorizationEndpoint, file: './own/acme.yaml' };
  const file = join(folder, 'providers.yaml');
  writeFileSync(file, JSON.stringify({ providers: { books: entry } }));
  const environment = {
    ...(await sharedEngines()).environment,
    PROVIDERS_FILE: file,
    ADMIN_API_KEY: KEY,
  };
  const api = startProcess('server/main.js', environment);
  const worker = startProcess('worker/main.js', environment);
  const [ready] = await Promise.all([api.logged(/^API ready$/), worker.logged(/^worker ready$/)]);
  url = String(ready['url']);
}, START_MS);
afterAll(async () => {
  await cleanUp();
  await sandbox?.stop();
}, START_MS);

it('an account of the entry is refreshed by the facts of the file, and its token is served', async () => {
  const grant = sandbox.issueGrant({ provider: 'acme', subject: 'ledger-1' });
  const { id } = await ask(url, KEY, '/api/admin/accounts', {
    method: 'POST',
    body: { provider: 'books', external_id: 'ledger-1', refresh_token: grant.refresh_token },
  });
  const outcome = await ask(url, KEY, `/api/admin/accounts/${id}/refresh`, {
    method: 'POST',
    body: {},
  });
  expect(outcome).toMatchObject({ outcome: 'refreshed', generation: 2 });
  const created = await ask(url, KEY, '/api/admin/keys', {
    method: 'POST',
    body: { name: 'books', scopes: ['tokens'] },
  });
  const { access_token } = await ask(url, created.api_key, `/api/tokens/${id}`);
  expect(sandbox.isAccessTokenActive(access_token)).toBe(true);
});

it('the catalogue shows the file under the name of its entry', async () => {
  expect(await ask(url, KEY, '/api/admin/catalogue/acme')).toMatchObject({
    id: 'acme',
    name: 'Acme',
    configured_as: ['books'],
  });
});
