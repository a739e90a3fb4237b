/** Provider values that a person enters with a grant, or imports: only those of the provider file, and no secret. */

import { ConfiguredProviders } from '../../../src/providers/config/configured-providers';
import { readProvider } from '../../../src/providers/config/provider-entry';
import { accountLines } from '../../../src/services/accounts/account-lines';
import { NewAccountBody, newAccount } from '../../../src/services/accounts/new-account';
import type { Vault } from '../../../src/vault/vault';
import { openedVault } from '../../vault/_keys';

const EU = { 'accounts-server': 'https://accounts.zoho.eu', location: 'eu' };
const ACCOUNT = { provider: 'zoho', external_id: 'alma', refresh_token: '1000.token-0123456789' };
const SECRET = 'client-secret-0123456789';

let vault: Vault;
beforeAll(async () => {
  vault = await openedVault();
});

/** The provider values of the account that these members create. */
function entered(members: object) {
  const problems: string[] = [];
  const entry = { clientId: 'client', clientSecret: SECRET };
  const configs = ['zoho', 'xero'].flatMap((id) => readProvider(id, entry, null, problems) ?? []);
  const providers = new ConfiguredProviders(configs);
  const body = NewAccountBody.parse({ ...ACCOUNT, ...members });
  const deps = { vault, providers, now: () => new Date() };
  return newAccount(body, 'org_a', deps).account.grant.providerValues;
}

it('an entered grant keeps the values of the provider file', () => {
  expect(entered({ provider_values: EU })).toEqual(EU);
  expect(entered({})).toBeUndefined();
});

it.each([
  [{ 'accounts-server': 'https://accounts.zoho.evil' }, /accounts-server: is not a host of Zoho/],
  [{ location: 'Europe' }, /location: is not such a value of Zoho/],
  [{ unknown: 'x' }, /^provider_values: Zoho has only the values .*accounts-server/],
])('an entered grant with %j is refused', (values, problem) => {
  expect(() => entered({ provider_values: values })).toThrow(problem);
});

it('a provider whose file keeps no values refuses all', () => {
  const xero = { provider: 'xero', refresh_token: 'token-0123456789', provider_values: EU };
  expect(() => entered(xero)).toThrow('provider_values: Xero has no such values');
});

it('a value that contains a token or the secret of the app is refused', () => {
  for (const secret of [SECRET, ACCOUNT.refresh_token])
    expect(() =>
      entered({ provider_values: { api_domain: `https://x.example/${secret}` } }),
    ).toThrow('provider_values.api_domain: contains a token or a secret');
});

it('at most 10 values are accepted', () => {
  const values = Object.fromEntries('abcdefghijk'.split('').map((name) => [name, 'x']));
  expect(NewAccountBody.safeParse({ ...ACCOUNT, provider_values: values }).success).toBe(false);
});

it('an import reads the values of a CSV as JSON, and of JSON Lines as an object', async () => {
  const json = JSON.stringify(EU);
  const files = [
    ['csv', `provider_values\n"${json.replaceAll('"', '""')}"\n`],
    ['jsonl', `{"provider_values":${json}}\n`],
  ] as const;
  for (const [format, text] of files) {
    const lines = [];
    for await (const line of accountLines(new Blob([text]).stream(), format)) lines.push(line);
    expect(lines).toMatchObject([{ members: { provider_values: EU } }]);
  }
});
