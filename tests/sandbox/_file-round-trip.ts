/** The adapter of a provider file as a client of the dialect of the same file, over HTTP. */
import { Secret } from '../../src/domain/masking/secret';
import { findAdapter } from '../../src/providers/adapters/registry';
import type { ProviderFile } from '../../src/providers/catalogue/provider-file';
import { ConfiguredProviders } from '../../src/providers/config/configured-providers';
import { defaultPolicy } from '../../src/providers/config/providers-file';
import { createConsentClient } from '../../src/providers/consent/consent-client';
import { createTransport } from '../../src/providers/exchange/transport';
import type { Provider, ProviderEnvironment } from '../../src/providers/provider';
import { validateAccessToken } from '../../src/providers/validation/token-validation';
import type { Sandbox } from '../../src/sandbox/server';
import { exchangeAt } from '../providers/_provider';
import { CLIENT_ID, CLIENT_SECRET } from './_token-client';

const CALLBACK = 'http://127.0.0.1:9/connect/callback/demo';
const STATE = 'state-0123456789abcdefghijklmnop';
const VERIFIER = 'verifier-0123456789abcdefghijklmnopqrstuvwxyz-_';

const now = () => new Date();
const transport = createTransport();
const client = createConsentClient({ transport, now });

/** The provider of a file with this sandbox as its server. */
export function providerAt(
  sandbox: Sandbox,
  id: string,
  own: object = {},
): { provider: Provider; environment: ProviderEnvironment } {
  const isRepeated = findAdapter(id)?.redirectUriAtRefresh === true;
  const provider = new ConfiguredProviders([
    {
      id,
      adapter: id,
      policy: defaultPolicy(id, null),
      environments: {
        production: {
          clientId: CLIENT_ID,
          clientSecret: new Secret(CLIENT_SECRET),
          ...sandbox.endpoints(id),
          parameters: isRepeated ? { redirect_uri: CALLBACK } : {},
          ...own,
        },
      },
    },
  ]).find(id);
  const environment = provider?.environments.get('production');
  if (provider === undefined || environment === undefined) throw new Error('no provider');
  return { provider, environment };
}

type At = ReturnType<typeof providerAt>;

const externalIdOf = ({ examples }: ProviderFile) => examples.externalId ?? 'account';

/** A callback that names the account must name the one that the person entered. */
function entered({ inputs, identity }: ProviderFile, subject: string): Record<string, string> {
  return Object.fromEntries(
    Object.entries(inputs).map(([name, { example, suffix = '' }]) => [
      name,
      identity?.from === 'callback' && identity.parameter === name ? subject + suffix : example,
    ]),
  );
}

/** Consents as a subject with the scopes that the adapter requests, and exchanges the code. */
export async function consent(at: At, file: ProviderFile, person: string) {
  const inputs = entered(file, person);
  const subject =
    file.identity?.from === 'callback' ? (inputs[file.identity.parameter] ?? person) : person;
  const input = {
    ...at,
    externalId: null,
    inputs,
    scopes: [],
    state: STATE,
    verifier: at.provider.consent?.pkce === 'refused' ? null : VERIFIER,
    redirectUri: CALLBACK,
    receive: () => undefined,
  };
  const url = await client.authorizationUrl(input);
  const page = await (await fetch(url)).text();
  const form = new URLSearchParams(url.searchParams);
  for (const [, scope = ''] of page.matchAll(/name="granted" value="([^"]*)"/g))
    form.append('granted', unescaped(scope));
  form.set('decision', 'approve');
  form.set('subject', subject);
  const address = url.origin + url.pathname;
  const decided = await fetch(address, { method: 'POST', body: form, redirect: 'manual' });
  const location = decided.headers.get('location');
  if (location === null) throw new Error(`no callback: ${await decided.text()}`);
  const callback = new URL(location).searchParams;
  const outcome = await client.exchangeCode({ ...input, parameters: callback });
  return { url, callback, outcome };
}

export function refresh({ provider }: At, file: ProviderFile, refreshToken: string) {
  return exchangeAt('', { provider, refreshToken, externalId: externalIdOf(file) });
}

export function validate({ environment }: At, file: ProviderFile, accessToken: string) {
  return validateAccessToken(
    {
      environment,
      account: { externalId: externalIdOf(file) },
      accessToken: new Secret(accessToken),
      capture: false,
    },
    { transport, now },
  );
}

export function revoke(
  { environment }: At,
  token: string,
  hint: 'refresh_token' | 'access_token' = 'refresh_token',
) {
  return client.revoke({ environment, externalId: 'account', token: new Secret(token), hint });
}

const unescaped = (text: string) =>
  text.replace(/&#(\d+);/g, (_match, code: string) => String.fromCharCode(Number(code)));
