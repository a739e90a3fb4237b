/**
 * Demo mode, which `npm start` uses if no provider is configured. It starts the sandbox, and creates demo accounts of
 * each provider, an encryption key and an admin key.
 */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { FIRST_GENERATION } from '../domain/account/grant';
import { Secret } from '../domain/masking/secret';
import type { Config } from '../process/config';
import { findAdapter } from '../providers/adapters/registry';
import { defaultPolicy, type ProviderConfig } from '../providers/config/providers-file';
import { DEMO_ACCOUNT_PROVIDERS, type DemoAccount, demoAccounts } from '../sandbox/demo-accounts';
import { type Sandbox, startSandbox } from '../sandbox/server';
import { databaseOf, withDatabase } from '../store/mongo/connection-string';
import type { Store } from '../store/store';
import { KeyRing } from '../vault/key-ring';
import { grantPlace, type Vault } from '../vault/vault';

const CLIENT_ID = 'evergrant-demo';

/** Providers without demo accounts, described only by their files. A person can connect accounts of them. */
export const CONNECTABLE_PROVIDERS = [
  'quickbooks',
  'salesforce',
  'slack',
  'dropbox',
  'box',
  'discord',
  'calendly',
  'notion',
  'tiktok',
  'zoom',
] as const;

interface DemoProviders {
  sandbox: Sandbox;
  providers: ProviderConfig[];
  /** The providers without demo accounts. */
  connectable: { id: string; name: string }[];
}

/** Starts the sandbox and returns configurations for providers that it simulates. */
export async function startDemoProviders(config: Config): Promise<DemoProviders> {
  const clientSecret = randomBytes(24).toString('base64url');
  const sandbox = await startSandbox({
    clientId: CLIENT_ID,
    clientSecret,
    stateFile: join(config.dataDir, 'sandbox.json'),
    ...(config.sandboxAccessTokenLifeSeconds === null
      ? {}
      : { accessTokenLifeSeconds: config.sandboxAccessTokenLifeSeconds }),
  });
  const configured = (id: string, environments: readonly string[]): ProviderConfig => ({
    id,
    adapter: id,
    policy: defaultPolicy(id, config.refreshIntervalMs),
    applicationTokens: true,
    environments: Object.fromEntries(
      environments.map((name) => [
        name,
        {
          clientId: CLIENT_ID,
          clientSecret: new Secret(clientSecret),
          ...sandbox.endpoints(id),
        },
      ]),
    ),
  });
  const providers = [
    ...DEMO_ACCOUNT_PROVIDERS.map((id) =>
      configured(id, Object.keys(findAdapter(id)?.tokenEndpoints ?? {})),
    ),
    ...CONNECTABLE_PROVIDERS.map((id) => configured(id, ['production'])),
  ];
  const connectable = CONNECTABLE_PROVIDERS.map((id) => ({
    id,
    name: findAdapter(id)?.displayName ?? id,
  }));
  return { sandbox, providers, connectable };
}

/**
 * Adds the demo accounts to an empty database. A database with accounts is left unchanged.
 * @returns the added accounts
 */
export async function seedDemoAccounts(
  sandbox: Sandbox,
  store: Store,
  vault: Vault,
  now: Date,
): Promise<DemoAccount[]> {
  if (!(await store.accounts.isEmpty())) return [];
  const accounts = demoAccounts(sandbox, now);
  for (const account of accounts)
    await store.accounts.create(demoDocument(account, vault, now), now);
  return accounts;
}

function demoDocument(
  account: DemoAccount,
  vault: Vault,
  now: Date,
): Parameters<Store['accounts']['create']>[0] {
  const id = `acc_${randomBytes(12).toString('hex')}`;
  const { organisation, provider, environment } = account;
  const identity = { id, organisation, provider, environment, externalId: account.external_id };
  const sealed = vault.sealGrant(
    { accessToken: account.access_token, refreshToken: account.refresh_token },
    grantPlace(identity, FIRST_GENERATION),
  );
  return {
    ...identity,
    label: account.label,
    kind: account.kind,
    quarantine: account.quarantine,
    lastRefreshedAt: account.last_refreshed_at,
    grant: {
      ...sealed,
      ...(account.fault === 'corrupt_row' ? { refreshToken: damaged(sealed.refreshToken) } : {}),
      ...(account.fault === 'legacy_plaintext' ? { refreshToken: account.refresh_token } : {}),
      expiresAt: account.expires_at.toISOString(),
      refreshTokenExpiresAt: null,
      scopes: account.scopes,
      obtainedAt: now.toISOString(),
      attemptId: null,
    },
  };
}

/** Changes one character near the end, so that envelope and key still match but the ciphertext is corrupt. */
function damaged(sealed: string): string {
  const at = sealed.length - 8;
  return `${sealed.slice(0, at)}${sealed[at] === 'A' ? 'B' : 'A'}${sealed.slice(at + 1)}`;
}

/** The encryption key of an embedded database: created once, stored next to it, readable only by its owner. */
export function demoKeyRing(dataDir: string): { ring: KeyRing; file: string } {
  const file = join(dataDir, 'encryption-keys');
  if (!existsSync(file)) {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
    writeFileSync(file, `local:${randomBytes(32).toString('base64')}\n`, {
      mode: 0o600,
      flag: 'wx',
    });
  }
  return { ring: KeyRing.parse(readFileSync(file, 'utf8').trim()), file };
}

/** Uses another database on the same server, so that demo accounts never mix with real ones. */
export function demoDatabase(uri: string): string {
  return withDatabase(uri, `${databaseOf(uri)}_demo`);
}
