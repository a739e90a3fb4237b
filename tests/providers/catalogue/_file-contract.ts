/** The tests that the examples of a provider file state: requests, answers, refusals and callbacks. */
import { Secret } from '../../../src/domain/masking/secret';
import type { ProviderFile } from '../../../src/providers/catalogue/provider-file';
import { ConfiguredProviders } from '../../../src/providers/config/configured-providers';
import { readProvider } from '../../../src/providers/config/provider-entry';
import { createConsentClient } from '../../../src/providers/consent/consent-client';
import type { ReceivedGrant } from '../../../src/providers/exchange/received-grant';
import { accountAddress } from '../../../src/providers/exchange/token-endpoint';
import { exchangeRefreshToken } from '../../../src/providers/exchange/token-exchange';
import type { Transport, TransportRequest } from '../../../src/providers/exchange/transport';
import type {
  Provider,
  ProviderAdapter,
  ProviderEnvironment,
} from '../../../src/providers/provider';

const CLIENT = { clientId: 'client-id', clientSecret: 'client-secret' };
const PUBLIC_URL = new URL('https://evergrant.example.com');
const STATE = 'state-0123456789abcdefghijklmnop';
const VERIFIER = 'verifier-0123456789abcdefghijklmnopqrstuvwxyz-_';
/** Tests do not wait, so the lifetimes count from one moment. */
const NOW = new Date('2026-11-30T12:00:00Z');

interface Scripted {
  status?: number;
  headers?: Record<string, string>;
  body: unknown;
}

/** A provider entry of `providers.yaml` with these adapters; a file that is not in the catalogue is passed as adapter. */
function configuredFile(
  adapter: ProviderAdapter,
  entry: object = {},
): { provider: Provider; environment: ProviderEnvironment } {
  const problems: string[] = [];
  const own = { ...CLIENT, adapter: adapter.id, ...entry };
  const config = readProvider('it', own, null, problems, PUBLIC_URL);
  expect(problems).toEqual([]);
  const provider = config === null ? undefined : new ConfiguredProviders([config]).find('it');
  const environment = provider?.environments.get('production');
  if (provider === undefined || environment === undefined) throw new Error('no provider');
  return { provider, environment };
}

function scripted(answer: Scripted): { transport: Transport; sent: TransportRequest[] } {
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
  answer: Scripted,
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
      ...configuredFile(adapter, entry),
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

/** Checks a callback and exchanges its code. */
export async function consentWith(
  adapter: ProviderAdapter,
  callback: Record<string, string>,
  answer: Scripted,
  { externalId = null as string | null, entry = {} } = {},
) {
  const { transport, sent } = scripted(answer);
  const received: ReceivedGrant[] = [];
  const outcome = await createConsentClient({ transport, now: () => NOW }).exchangeCode({
    ...configuredFile(adapter, entry),
    externalId,
    inputs: {},
    state: STATE,
    verifier: adapter.consent?.pkce === 'refused' ? null : VERIFIER,
    redirectUri: 'https://evergrant.example.com/connect/callback/it',
    parameters: new URLSearchParams({ ...callback, state: STATE }),
    receive: (grant) => received.push(grant),
  });
  return { outcome, sent, grant: received[0] };
}

export const secondsUntil = (moment: Date | null | undefined) =>
  moment === null || moment === undefined ? null : (moment.getTime() - NOW.getTime()) / 1000;

export function fileContract({ examples, ...file }: ProviderFile, adapter: ProviderAdapter): void {
  const { refresh, externalId = 'account' } = examples;
  const options = {
    externalId,
    ...(refresh === undefined ? {} : { refreshToken: refresh.refreshToken }),
  };
  const ofRefresh = examples.answers.filter(({ of }) => of === 'refresh');
  const ofCode = examples.answers.filter(({ of }) => of === 'code');

  if (refresh !== undefined) {
    it('sends the documented refresh request and nothing else', async () => {
      const { request, sent } = await refreshWith(adapter, { body: {} }, options);
      const { url, method, headers, form, json, query } = refresh.request;
      expect(sent).toHaveLength(1);
      const address = new URL(request?.url ?? '');
      expect(Object.fromEntries(address.searchParams)).toEqual(query ?? {});
      expect(address.origin + address.pathname).toBe(url);
      expect(request?.method ?? 'POST').toBe(method);
      const body = request?.body ?? '';
      if (form !== undefined) expect(Object.fromEntries(new URLSearchParams(body))).toEqual(form);
      if (json !== undefined) expect(JSON.parse(body)).toEqual(json);
      if (query !== undefined) expect(body).toBe('');
      expect(withoutOwn(request?.headers ?? {})).toEqual(headers);
    });
  }

  for (const [at, { body, warnings, ...stated }] of ofRefresh.entries())
    it(`reads the tokens of answer ${at + 1} to a refresh`, async () => {
      const { outcome, failure, grant, ...result } = await refreshWith(adapter, { body }, options);
      expect({ outcome, failure, warnings: result.warnings }).toEqual({
        outcome: 'ok',
        failure: null,
        warnings,
      });
      expectGrant(grant, stated);
    });

  for (const [at, { body, warnings, ...stated }] of ofCode.entries())
    it(`reads the tokens of answer ${at + 1} to a code`, async () => {
      const callback = examples.callbacks.find(({ accepted }) => accepted)?.parameters ?? {};
      const { outcome, grant } = await consentWith(adapter, callback, { body }, options);
      expect(outcome).toMatchObject({ kind: 'granted' });
      const ofAnswer = outcome.kind === 'granted' ? outcome.warnings : [];
      expect(ofAnswer.filter((one) => !/who consented|ID token/.test(one))).toEqual(warnings);
      expectGrant(grant, stated);
    });

  function expectGrant(
    grant: ReceivedGrant | undefined,
    stated: Omit<ProviderFile['examples']['answers'][number], 'body' | 'warnings'>,
  ): void {
    expect(grant?.accessToken?.reveal()).toBe(stated.accessToken);
    expect(grant?.refreshToken?.reveal() ?? null).toBe(stated.refreshToken);
    if (stated.expiresIn === 'endless')
      // The stored grant has no expiry if there is no refresh token.
      expect({ ...adapter, refreshToken: grant?.refreshToken }).toMatchObject({
        nonExpiringTokens: true,
        refreshToken: null,
      });
    else expect(secondsUntil(grant?.expiresAt)).toBe(stated.expiresIn);
    if (stated.refreshExpiresIn !== undefined)
      expect(secondsUntil(grant?.refreshTokenExpiry.expiresAt)).toBe(stated.refreshExpiresIn);
    if (stated.providerValues !== undefined)
      expect(grant?.providerValues).toEqual(stated.providerValues);
    if (stated.scopes !== undefined) expect(grant?.scopes).toEqual(stated.scopes);
  }

  it.each(examples.refusals.map((one) => [one.status, JSON.stringify(one.body), one] as const))(
    'classifies %i %s',
    async (_status, _body, { means, ...answer }) => {
      const { failure, grant } = await refreshWith(adapter, answer, options);
      expect(failure?.code).toBe(means);
      expect(grant).toBeUndefined();
    },
  );

  it('shows no token and no secret, even if the provider repeats them', async () => {
    const { refreshToken = 'example-refresh-token' } = options;
    const echo = { error: 'invalid_grant', error_description: `${refreshToken} client-secret` };
    const bodies = [...examples.answers.map(({ body }) => ({ body })), { status: 400, body: echo }];
    for (const answer of bodies) {
      const { shown } = await refreshWith(adapter, answer, options);
      const secrets = examples.answers.flatMap((one) =>
        [one.accessToken, one.refreshToken ?? []].flat(),
      );
      for (const secret of [refreshToken, 'client-secret', ...secrets])
        expect(shown).not.toContain(secret);
    }
  });

  it.each(examples.callbacks.map((one, at) => [at + 1, one] as const))(
    'checks callback %i as stated',
    async (_at, { parameters, accepted, subject }) => {
      const body = ofCode[0]?.body ?? examples.answers[0]?.body;
      const { outcome, sent } = await consentWith(adapter, parameters, { body }, options);
      expect(outcome.kind).toBe(accepted ? 'granted' : 'failed');
      if (!accepted) expect(sent).toEqual([]);
      if (subject !== undefined) expect(outcome).toMatchObject({ subject: { value: subject } });
    },
  );

  it('sweeps often enough for its access tokens', () => {
    const { provider } = configuredFile(adapter);
    const { sweepEveryMs, refreshBeforeMs } = provider.policy;
    const lifeMs = adapter.defaultAccessTokenLifeSeconds * 1000;
    expect(sweepEveryMs).toBeLessThan(refreshBeforeMs);
    expect(refreshBeforeMs).toBeLessThan(lifeMs / 2);
  });

  it('gives no warning about its own refresh token, and refuses none of its tokens', () => {
    const own = examples.answers.flatMap((one) => one.refreshToken ?? []);
    for (const token of own) expect(adapter.refreshTokenWarning(token)).toBeNull();
    for (const token of [...own, ...examples.answers.map((one) => one.accessToken)])
      expect(adapter.tokenProblem?.(token) ?? null).toBeNull();
  });

  it('names a host and no input in the address of each environment', () => {
    for (const [environment, url] of Object.entries(adapter.tokenEndpoints)) {
      const address = accountAddress(url, { externalId }, adapter);
      expect([environment, new URL(address).protocol]).toEqual([environment, 'https:']);
      expect(address).not.toMatch(/[{}]/);
    }
    expect(file.checked).toMatch(/^\d{4}-\d\d-\d\d$/);
  });
}

/** Removes the headers of every request. */
function withoutOwn(headers: Record<string, string>): Record<string, string> {
  const own = new Set(['accept', 'user-agent', 'content-type']);
  return Object.fromEntries(
    Object.entries(headers)
      .map(([name, value]): [string, string] => [name.toLowerCase(), value])
      .filter(([name]) => !own.has(name)),
  );
}
