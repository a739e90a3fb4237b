/** Validation of an account whose credentials name its own client: with that client, and apart from the OAuth app. */
import { MockActivityEnvironment } from '@temporalio/testing';
import { validateAccount } from '../../src/activities/validate-account';
import type { Account } from '../../src/domain/account/account';
import type { CredentialsGrant } from '../../src/domain/account/grant-type';
import type { ValidateAccountResult } from '../../src/domain/account/validation';
import type { LogEntry } from '../../src/domain/logs/log-entry';
import { Secret } from '../../src/domain/masking/secret';
import {
  type GrantCredentials,
  storedCredentials,
} from '../../src/providers/exchange/grant-credentials';
import type { TransportRequest } from '../../src/providers/exchange/transport';
import type { RefreshDependencies } from '../../src/refresh/dependencies';
import { grantPlace, type Vault } from '../../src/vault/vault';
import { CLIENT_ID, CLIENT_SECRET, oauth2At } from '../providers/_provider';
import { openedVault } from '../vault/_keys';

const NOW = new Date('2026-11-22T12:00:00.000Z');
const INTROSPECTION = 'https://auth.example/introspect';
const OWN = { client_id: 'own-client', client_secret: 'own-secret-0123456789' };

let vault: Vault;
beforeAll(async () => {
  vault = await openedVault();
});

/** Validates an account while the circuit of the OAuth app is open. */
async function validated({
  credentials = OWN as GrantCredentials,
  grantType = 'client_credentials' as CredentialsGrant,
  hasOwnClient = true,
  answer = { status: 200, body: '{"active":true}' },
  source = 'scheduled' as const,
}) {
  const identity = {
    id: 'acc_1',
    organisation: 'org_a',
    provider: 'crm',
    environment: 'production',
    externalId: 'robot',
    generation: 3,
    grantType,
  };
  const account = {
    ...identity,
    label: 'Robot',
    hasOwnClient,
    state: 'active',
    quarantine: false,
    refusedGeneration: null,
    isProven: false,
    current: {
      ...vault.sealGrant(
        { accessToken: 'access-token', refreshToken: storedCredentials(credentials) },
        grantPlace(identity, 3),
      ),
      expiresAt: new Date(NOW.getTime() + 3600_000).toISOString(),
      obtainedAt: NOW.toISOString(),
    },
  } as unknown as Account;
  const sent: TransportRequest[] = [];
  const entries: LogEntry[] = [];
  const acquired: object[] = [];
  const putOff: object[] = [];
  let postponed: Date | null = null;
  const provider = oauth2At('https://auth.example/token', {
    environments: {
      production: {
        clientId: CLIENT_ID,
        clientSecret: new Secret(CLIENT_SECRET),
        clientAuthentication: 'client_secret_post',
        tokenEndpoint: 'https://auth.example/token',
        introspectionEndpoint: INTROSPECTION,
      },
    },
  });
  const until = new Date(NOW.getTime() + 60_000);
  const deps = {
    vault,
    providers: { find: () => provider },
    now: () => NOW,
    transport: {
      async send(request: TransportRequest) {
        sent.push(request);
        return { ...answer, headers: [], compressed: null, cut: null };
      },
    },
    appLimiter: {
      async acquire(...request: object[]) {
        acquired.push(request);
        return { hold: { reason: 'provider_throttled', until }, limiter: {} };
      },
    },
    store: {
      limiters: { now: () => NOW },
      grants: { read: () => Promise.resolve(account) },
      settings: {
        async putOffValidation(app: object) {
          putOff.push(app);
          return true;
        },
      },
      logEntries: { record: async (entry: LogEntry) => void entries.push(entry) },
      validations: {
        async record(_account: Account, { dueAt }: { dueAt?: Date }) {
          postponed = dueAt ?? null;
          return true;
        },
      },
    },
  } as unknown as RefreshDependencies;
  const { validation } = await new MockActivityEnvironment().run<
    Parameters<typeof validateAccount>,
    ValidateAccountResult,
    typeof validateAccount
  >(
    validateAccount,
    deps,
    {
      accountId: account.id,
      attemptId: 'attempt-1',
      request: { source, caller: 'test', capture: true },
    },
    { workflowId: 'workflow-1', runId: 'run-1' },
  );
  const form = Object.fromEntries(new URLSearchParams(sent[0]?.body));
  return { validation, sent, form, acquired, putOff, postponed, shown: JSON.stringify(entries) };
}

it('authenticates the client of the account, and is not held by the circuit of the OAuth app', async () => {
  const { validation, form, acquired, shown } = await validated({});
  expect(validation).toMatchObject({ outcome: 'valid' });
  expect(form).toMatchObject({ token: 'access-token', ...OWN });
  expect(acquired).toEqual([]);
  expect(shown).not.toContain(OWN.client_secret);
});

it('waits for the circuit of the OAuth app if the account uses that app', async () => {
  const held = await validated({ credentials: {}, hasOwnClient: false });
  expect(held.validation).toMatchObject({ outcome: 'skipped', reason: 'provider_throttled' });
  expect(held.sent).toEqual([]);
  expect(held.acquired).toHaveLength(1);
});

it('blames the account for its refused client, and not the OAuth app', async () => {
  const { validation } = await validated({ answer: { status: 401, body: '{}' } });
  expect(validation).toMatchObject({
    outcome: 'unknown',
    failure: {
      code: 'invalid_client',
      class: 'account',
      message: expect.stringContaining('No other account is affected'),
    },
  });
});

it('validates the other accounts of the OAuth app after a client of one account may not introspect', async () => {
  const { validation, putOff, postponed } = await validated({
    answer: { status: 403, body: '{}' },
  });
  expect(validation).toMatchObject({ failure: { code: 'validation_not_allowed' } });
  expect(postponed).toEqual(new Date(NOW.getTime() + 24 * 3600_000));
  expect(putOff).toEqual([]);
});

it('asks nothing with the OAuth app for an account whose signed assertion is its only proof', async () => {
  const { validation, sent, putOff } = await validated({
    credentials: { issuer: 'robot', private_key: 'unused' },
    grantType: 'jwt_bearer',
  });
  expect(validation).toMatchObject({
    outcome: 'unknown',
    failure: { code: 'validation_not_supported' },
  });
  expect(sent).toEqual([]);
  expect(putOff).toEqual([]);
});
