/** A provider entry with its consent, as `providers.yaml` states it, and a transport that records its requests. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConfiguredProviders } from '../../../src/providers/config/configured-providers';
import { readProviders } from '../../../src/providers/config/providers-file';
import {
  type ConsentClient,
  createConsentClient,
} from '../../../src/providers/consent/consent-client';
import type { Transport, TransportRequest } from '../../../src/providers/exchange/transport';
import type { Provider, ProviderEnvironment } from '../../../src/providers/provider';

export const CLIENT_SECRET = 'app-secret-5d1f0a9b7c3e';
export const STATE = 'state-0123456789abcdefghijklmnop';
const VERIFIER = 'verifier-0123456789abcdefghijklmnopqrstuvwxyz-_';
export const REDIRECT_URI = 'https://evergrant.example.com/connect/callback/crm';

/** Reads entries of `providers.yaml`. @returns the providers, and the problems of the entries */
export function readEntries(entries: Readonly<Record<string, readonly string[]>>): {
  providers: ConfiguredProviders;
  problems: string[];
} {
  const directory = mkdtempSync(join(tmpdir(), 'evergrant-consent-'));
  try {
    const file = join(directory, 'providers.yaml');
    const lines = Object.entries(entries).flatMap(([id, of]) => [
      `  ${id}:`,
      ...of.map((line) => `    ${line}`),
    ]);
    writeFileSync(file, ['providers:', ...lines].join('\n'));
    const problems: string[] = [];
    const { providers } = readProviders({ PROVIDERS_FILE: file }, null, problems);
    return { providers: new ConfiguredProviders(providers), problems };
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** Reads one entry of `providers.yaml`. @returns the provider, and the problems of the entry */
function readEntry(id: string, lines: string[]): { provider?: Provider; problems: string[] } {
  const { providers, problems } = readEntries({ [id]: lines });
  const provider = providers.find(id);
  return provider === undefined ? { problems } : { provider, problems };
}

export interface Target {
  provider: Provider;
  environment: ProviderEnvironment;
}

export function target(id: string, lines: string[] = [], environment = 'production'): Target {
  const { provider, problems } = readEntry(id, [
    'clientId: app-1',
    ...(lines.some((line) => line.includes('clientAuthentication: none'))
      ? []
      : [`clientSecret: ${CLIENT_SECRET}`]),
    ...lines,
  ]);
  expect(problems).toEqual([]);
  const found = provider?.environments.get(environment);
  if (provider === undefined || found === undefined) throw new Error('no environment');
  return { provider, environment: found };
}

/** A client whose requests are answered in order. */
export function answering(
  ...answers: { status?: number; body: object; headers?: Record<string, string> }[]
): {
  client: ConsentClient;
  sent: TransportRequest[];
} {
  const sent: TransportRequest[] = [];
  const transport: Transport = {
    async send(request) {
      sent.push(request);
      const answer = answers[sent.length - 1] ?? { status: 500, body: {} };
      const { status = 200, body } = answer;
      const headers = Object.entries(answer.headers ?? {});
      return { status, headers, body: JSON.stringify(body), compressed: null, cut: null };
    },
  };
  return { client: createConsentClient({ transport, now: () => new Date() }), sent };
}

export function authorizationInput({ provider, environment }: Target) {
  return {
    provider,
    environment,
    externalId: null,
    inputs: {},
    scopes: [],
    state: STATE,
    verifier: VERIFIER,
    redirectUri: REDIRECT_URI,
  };
}

export function exchangeInput(given: Target, callback: Record<string, string>) {
  return {
    ...authorizationInput(given),
    parameters: new URLSearchParams({ state: STATE, code: 'code-1-abcdefghijklmnop', ...callback }),
    receive: jest.fn(),
  };
}
