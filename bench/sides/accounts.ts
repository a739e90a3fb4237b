/** The accounts of one run: connects due accounts before it, and verifies the work after it. */
import { randomBytes } from 'node:crypto';
import { type Connection, createConnection } from 'mongoose';
import { FIRST_GENERATION } from '../../src/domain/account/grant';
import { Secret } from '../../src/domain/masking/secret';
import { createLogger } from '../../src/process/logging';
import { ConfiguredProviders } from '../../src/providers/config/configured-providers';
import { defaultPolicy } from '../../src/providers/config/providers-file';
import { openDatabase } from '../../src/store/mongo/database';
import { openStore, type Store } from '../../src/store/store';
import { KeyRing } from '../../src/vault/key-ring';
import { grantPlace, type Vault } from '../../src/vault/vault';
import type { IssuedGrant, ProviderProcess } from './provider-process';
import { ORGANISATION, PROVIDER, type Setting } from './side';

const BATCH = 500;
/** Ids per query; small, because the embedded server compares each document with each id. */
const VERIFIED_AT_ONCE = 1_000;
const MINUTE_MS = 60_000;
const YEAR_MS = 365 * 24 * 60 * MINUTE_MS;

const soon = () => new Date(Date.now() + MINUTE_MS);

function subjects(count: number): string[] {
  return Array.from({ length: count }, () => `acc_${randomBytes(12).toString('hex')}`);
}

/** Opens the store as every side that uses Evergrant's store does. */
export function configuredProviders(setting: Setting): ConfiguredProviders {
  const { clientId, clientSecret, tokenEndpoint } = setting;
  return new ConfiguredProviders([
    {
      id: PROVIDER,
      adapter: PROVIDER,
      policy: defaultPolicy(PROVIDER, null),
      environments: {
        production: { clientId, clientSecret: new Secret(clientSecret), tokenEndpoint },
      },
    },
  ]);
}

export async function openStoreAndVault(
  setting: Setting,
): Promise<{ store: Store; vault: Vault; providers: ConfiguredProviders }> {
  const providers = configuredProviders(setting);
  const { store, vault } = await openStore(setting.mongodbUri, {
    logRetentionDays: 1,
    rules: providers.rule,
    ring: KeyRing.parse(setting.encryptionKeys),
    logger: createLogger('warn'),
  });
  return { store, vault, providers };
}

export class Accounts {
  readonly #provider: ProviderProcess;
  readonly #store: Store;
  readonly #vault: Vault;
  readonly #connection: Connection;
  readonly #uri: string;

  private constructor(
    provider: ProviderProcess,
    store: Store,
    vault: Vault,
    connection: Connection,
    uri: string,
  ) {
    this.#provider = provider;
    this.#store = store;
    this.#vault = vault;
    this.#connection = connection;
    this.#uri = uri;
  }

  static async open(setting: Setting, provider: ProviderProcess): Promise<Accounts> {
    const { mongodbUri } = setting;
    const { store, vault } = await openStoreAndVault(setting);
    return new Accounts(provider, store, vault, await openDatabase(mongodbUri), mongodbUri);
  }

  /** The connection for checks by the bench. */
  get connection(): Connection {
    return this.#connection;
  }

  get store(): Store {
    return this.#store;
  }

  /**
   * Connects accounts that are all due.
   * @param expiresAt the expiry of the nth access token; default: a minute from now
   */
  async add(count: number, expiresAt: (n: number) => Date = soon): Promise<IssuedGrant[]> {
    const all: IssuedGrant[] = [];
    for (let n = 0; n < count; n += BATCH) {
      const issued = await this.#provider.issue(subjects(Math.min(BATCH, count - n)));
      const now = new Date();
      const batch = issued.map((grant, at) => this.#document(grant, now, expiresAt(n + at)));
      await this.#store.accounts.createMissing(batch, now);
      all.push(...issued);
    }
    return all;
  }

  /** Connects accounts that are not due for a year, and are unknown to the provider. */
  async addFresh(count: number): Promise<void> {
    for (let n = 0; n < count; n += BATCH) {
      const now = new Date();
      const batch = subjects(Math.min(BATCH, count - n)).map((subject) => {
        const [accessToken, refreshToken] = [subject, subject].map(
          (start) => `${start}.${randomBytes(24).toString('base64url')}`,
        );
        const grant = { subject, accessToken: accessToken ?? '', refreshToken: refreshToken ?? '' };
        return this.#document(grant, now, new Date(now.getTime() + YEAR_MS));
      });
      await this.#store.accounts.createMissing(batch, now);
    }
  }

  /**
   * Verifies that each account was refreshed exactly once, with its new token pair encrypted and one log entry.
   * @throws with a list of the failures
   */
  async verify(issued: readonly IssuedGrant[]): Promise<void> {
    for (let n = 0; n < issued.length; n += VERIFIED_AT_ONCE)
      await this.#verify(issued.slice(n, n + VERIFIED_AT_ONCE));
  }

  async #verify(issued: readonly IssuedGrant[]): Promise<void> {
    const wrong: string[] = [];
    const before = new Map(issued.map((grant) => [grant.subject, grant]));
    const ids = [...before.keys()];
    const accessTokens: string[] = [];
    const documents = await this.#connection
      .collection<{ _id: string; generation: number; claim: unknown; current: Pair }>('accounts')
      .find({ _id: { $in: ids } })
      .toArray();
    for (const { _id: accountId, generation, claim, current } of documents) {
      if (generation !== 2) wrong.push(`${accountId} has generation ${generation}`);
      if (claim !== null) wrong.push(`${accountId} is still claimed`);
      const place = grantPlace(identityOf(accountId), generation);
      const accessToken = this.#vault.openToken(current.access_token, place, 'access_token');
      const refreshToken = this.#vault.openToken(current.refresh_token, place, 'refresh_token');
      const old = before.get(accountId);
      if (accessToken === old?.accessToken || refreshToken === old?.refreshToken)
        wrong.push(`${accountId} still has an old token`);
      if (this.#vault.fingerprint(refreshToken) !== current.refresh_token_fingerprint)
        wrong.push(`${accountId} has the fingerprint of another token`);
      accessTokens.push(accessToken);
    }
    if (documents.length !== ids.length)
      wrong.push(`${documents.length} of ${ids.length} accounts exist`);
    const { seen, honoured } = await this.#provider.inspect(ids, accessTokens);
    for (const [n, { received, committed, answered }] of seen.entries())
      if (received !== 1 || committed !== 1 || answered !== 1)
        wrong.push(`${ids[n]}: ${received} requests, ${committed} new grants, ${answered} responses`);
    if (honoured !== ids.length)
      wrong.push(`the provider accepts ${honoured} of ${ids.length} stored access tokens`);
    const entries = await this.#connection
      .collection('log_entries')
      .find({ organisation: ORGANISATION, account_id: { $in: ids } })
      .project({ account_id: 1, action: 1 })
      .toArray();
    const logged = new Set(entries.map((entry) => entry['account_id']));
    const others = entries.filter((entry) => entry['action'] !== 'token_refreshed').length;
    if (entries.length !== ids.length || logged.size !== ids.length || others > 0)
      wrong.push(`${entries.length} log entries, ${others} of them not a success, for ${ids.length} accounts`);
    if (wrong.length === 0) return;
    throw new Error(
      `the work was not done (${wrong.length} failures):\n  ${wrong.slice(0, 10).join('\n  ')}`,
    );
  }

  /** Uses a connection without a timeout, because dropping a million accounts takes long. */
  async drop(): Promise<void> {
    const patient = await createConnection(this.#uri).asPromise();
    await patient.dropDatabase();
    await Promise.all([patient.close(), this.#connection.close(), this.#store.close()]);
  }

  #document({ subject: id, accessToken, refreshToken }: IssuedGrant, now: Date, end: Date) {
    const place = grantPlace(identityOf(id), FIRST_GENERATION);
    return {
      ...identityOf(id),
      label: `Shop ${id.slice(-6)}`,
      kind: null,
      lastRefreshedAt: new Date(now.getTime() - 59 * MINUTE_MS),
      grant: {
        ...this.#vault.sealGrant({ accessToken, refreshToken }, place),
        expiresAt: end.toISOString(),
        refreshTokenExpiresAt: null,
        scopes: [],
        obtainedAt: now.toISOString(),
        attemptId: null,
      },
    };
  }
}

/** The encryption context of an account's grant. */
export function identityOf(id: string) {
  return {
    id,
    organisation: ORGANISATION,
    provider: PROVIDER,
    environment: 'production',
    externalId: id,
  };
}

interface Pair {
  access_token: string;
  refresh_token: string;
  refresh_token_fingerprint: string;
}
