/** Runs one refresh or one consent of an adapter against a given response, without a network. */
import { generateKeyPairSync } from 'node:crypto';
import type { CredentialsGrant } from '../../domain/account/grant-type';
import { Secret } from '../../domain/masking/secret';
import { ConfiguredProviders } from '../config/configured-providers';
import { readProvider } from '../config/provider-entry';
import { createConsentClient } from '../consent/consent-client';
import { exchangeCredentials } from '../exchange/credentials-exchange';
import { storedCredentials, toCredentials } from '../exchange/grant-credentials';
import type { ReceivedGrant } from '../exchange/received-grant';
import { exchangeRefreshToken } from '../exchange/token-exchange';
import type { Transport, TransportRequest } from '../exchange/transport';
import type { Provider, ProviderAdapter, ProviderEnvironment } from '../provider';
import { CALLBACK_SIGNATURES } from './hooks';

/** The credentials of all examples. */
export const EXAMPLE_CLIENT = { clientId: 'client-id', clientSecret: 'client-secret' };
const PUBLIC_URL = new URL('https://evergrant.example.com');
const STATE = 'state-0123456789abcdefghijklmnop';
const VERIFIER = 'verifier-0123456789abcdefghijklmnopqrstuvwxyz-_';
/** Examples do not wait, so the lifetimes count from one moment. */
const NOW = new Date('2026-11-30T12:00:00Z');

export interface ExampleAnswer {
  status?: number;
  headers?: Record<string, string>;
  body: unknown;
}

/** Returns the provider that an entry of `providers.yaml` with this adapter configures. @throws if the entry is not valid */
export function configuredExample(
  adapter: ProviderAdapter,
  entry: object = {},
): { provider: Provider; environment: ProviderEnvironment } {
  const problems: string[] = [];
  const own = { ...EXAMPLE_CLIENT, ...exampleKeyOf(adapter), ...entry };
  const context = { adapter, publicUrl: PUBLIC_URL };
  const config = readProvider('it', own, null, problems, context);
  const provider = config === null ? undefined : new ConfiguredProviders([config]).find('it');
  const environment = provider?.environments.get(adapter.defaultEnvironment);
  if (provider === undefined || environment === undefined || problems.length > 0)
    throw new Error(`no entry of providers.yaml can use ${adapter.id}: ${problems.join('; ')}`);
  return { provider, environment };
}

/** A key for a provider whose default method needs one. */
function exampleKeyOf({ clientAuthenticationMethods: [method] }: ProviderAdapter): {
  privateKey?: string;
} {
  return method === 'private_key_jwt' ? { privateKey: exampleKey() } : {};
}

function scripted(answer: ExampleAnswer): { transport: Transport; sent: TransportRequest[] } {
  const sent: TransportRequest[] = [];
  const { status = 200, headers = {}, body } = answer;
  return {
    sent,
    transport: {
      async send(request) {
        sent.push(request);
        const text = typeof body === 'string' ? body : JSON.stringify(body);
        return {
          status,
          headers: Object.entries(headers),
          body: text,
          compressed: null,
          cut: null,
        };
      },
    },
  };
}

/** Sends a refresh, and returns the request, the grant and everything that may be stored or shown. */
export async function refreshWith(
  adapter: ProviderAdapter,
  answer: ExampleAnswer,
  {
    refreshToken = 'example-refresh-token',
    externalId = 'account',
    entry = {},
    providerValues = {},
  }: {
    refreshToken?: string;
    externalId?: string;
    entry?: object;
    providerValues?: Record<string, string>;
  } = {},
) {
  const { transport, sent } = scripted(answer);
  const received: ReceivedGrant[] = [];
  const result = await exchangeRefreshToken(
    {
      ...configuredExample(adapter, entry),
      account: { externalId, providerValues },
      refreshToken: new Secret(refreshToken),
      capture: true,
      mayBeSent: () => Promise.resolve(true),
      receive: (grant) => received.push(grant),
    },
    { transport, now: () => NOW },
  );
  return { ...result, request: sent[0], sent, grant: received[0], shown: JSON.stringify(result) };
}

/** Requests a token for credentials, as {@link refreshWith} does for a refresh token. */
export async function credentialsWith(
  adapter: ProviderAdapter,
  grantType: CredentialsGrant,
  answer: ExampleAnswer,
  { externalId = 'account', credentials = {} }: { externalId?: string; credentials?: object } = {},
) {
  const { transport, sent } = scripted(answer);
  const received: ReceivedGrant[] = [];
  const key = grantType === 'jwt_bearer' ? { private_key: exampleKey() } : {};
  const result = await exchangeCredentials(
    {
      ...configuredExample(adapter),
      account: { externalId },
      refreshToken: new Secret(storedCredentials(toCredentials({ ...credentials, ...key }))),
      capture: true,
      mayBeSent: () => Promise.resolve(true),
      receive: (grant) => received.push(grant),
    },
    grantType,
    { transport, now: () => NOW },
  );
  return { ...result, request: sent[0], grant: received[0] };
}

function exampleKey(): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
}

/** Checks a callback and exchanges its code. */
export async function consentWith(
  adapter: ProviderAdapter,
  callback: Record<string, string>,
  answer: ExampleAnswer,
  { externalId = null as string | null, entry = {} } = {},
) {
  const { transport, sent } = scripted(answer);
  const received: ReceivedGrant[] = [];
  const outcome = await createConsentClient({ transport, now: () => NOW }).exchangeCode({
    ...configuredExample(adapter, entry),
    externalId,
    inputs: {},
    state: STATE,
    verifier: adapter.consent?.pkce === 'refused' ? null : VERIFIER,
    redirectUri: new URL('/connect/callback/it', PUBLIC_URL).href,
    parameters: signed(new URLSearchParams({ ...callback, state: STATE }), adapter),
    receive: (grant) => received.push(grant),
  });
  return { outcome, sent, grant: received[0] };
}

/** Signs a callback if its provider signs callbacks, unless the example states a signature. */
function signed(parameters: URLSearchParams, { file }: ProviderAdapter): URLSearchParams {
  const name = file?.authorization?.verify;
  if (name === undefined) return parameters;
  const { parameter, sign } = CALLBACK_SIGNATURES[name];
  if (!parameters.has(parameter))
    parameters.set(parameter, sign(parameters, new Secret(EXAMPLE_CLIENT.clientSecret)));
  return parameters;
}

/** Seconds from the exchange to a moment. */
export function secondsUntil(moment: Date | null | undefined): number | null {
  return moment === null || moment === undefined ? null : (moment.getTime() - NOW.getTime()) / 1000;
}
