/**
 * The refresh as a good application without Evergrant implements it: claim (these queues deliver at least once, and a
 * rotating refresh token must not be used twice), one request, compare-and-set, one log entry. Three writes;
 * Evergrant's refresh makes a fourth, which records the send intent.
 */
import { randomUUID } from 'node:crypto';
import type { Connection } from 'mongoose';
import { Agent, type Dispatcher, request } from 'undici';
import { openDatabase } from '../../src/store/mongo/database';
import { grantPlace, type Vault } from '../../src/vault/vault';
import { identityOf, openStoreAndVault } from './accounts';
import { PROVIDER, type Setting } from './side';

const LEASE_MS = 30_000;
const DEADLINE_MS = 20_000;
const REFRESH_BEFORE_MS = 10 * 60_000;
const RETENTION_MS = 24 * 3600_000;

interface AccountDocument {
  _id: string;
  organisation: string;
  label: string;
  generation: number;
  current: { refresh_token: string };
  claim: object | null;
  due_at: Date;
}
type LogDocument = Record<string, unknown> & { _id: string };

interface TokenResponse {
  access_token: string;
  refresh_token: string;
  expires_in: number;
}

export class PlainRefresher {
  readonly #setting: Setting;
  readonly #connection: Connection;
  readonly #vault: Vault;
  readonly #http: Dispatcher = new Agent();

  private constructor(setting: Setting, connection: Connection, vault: Vault) {
    this.#setting = setting;
    this.#connection = connection;
    this.#vault = vault;
  }

  static async open(setting: Setting): Promise<PlainRefresher> {
    const { store, vault } = await openStoreAndVault(setting);
    await store.close();
    return new PlainRefresher(setting, await openDatabase(setting.mongodbUri), vault);
  }

  get #accounts() {
    return this.#connection.collection<AccountDocument>('accounts');
  }

  async dueAccounts(): Promise<string[]> {
    const due = await this.#accounts
      .find({
        provider: PROVIDER,
        state: 'active',
        quarantine: false,
        due_at: { $lte: new Date() },
      })
      .sort({ due_at: 1 })
      .project<{ _id: string }>({ _id: 1 })
      .toArray();
    return due.map(({ _id }) => _id);
  }

  /** Does nothing if another worker holds the account. */
  async refresh(accountId: string): Promise<void> {
    const attemptId = randomUUID();
    const now = new Date();
    const account = await this.#accounts.findOneAndUpdate(
      {
        _id: accountId,
        due_at: { $lte: now },
        $or: [{ claim: null }, { 'claim.lease_until': { $lt: now } }],
      },
      {
        $set: {
          claim: { attempt_id: attemptId, lease_until: new Date(now.getTime() + LEASE_MS) },
        },
      },
    );
    if (account === null) return;
    const place = grantPlace(identityOf(accountId), account.generation);
    const refreshToken = this.#vault.openToken(
      account.current.refresh_token,
      place,
      'refresh_token',
    );
    const answer = await exchange(this.#http, this.#setting, refreshToken);
    await this.#commit(account, attemptId, answer);
    await this.#log(account, attemptId);
  }

  async close(): Promise<void> {
    await Promise.all([this.#connection.close(), this.#http.close()]);
  }

  async #commit(
    account: AccountDocument,
    attemptId: string,
    answer: TokenResponse,
  ): Promise<void> {
    const now = new Date();
    const sealed = this.#vault.sealGrant(
      { accessToken: answer.access_token, refreshToken: answer.refresh_token },
      grantPlace(identityOf(account._id), account.generation + 1),
    );
    const expiresAt = new Date(now.getTime() + answer.expires_in * 1000);
    const { matchedCount } = await this.#accounts.updateOne(
      { _id: account._id, generation: account.generation, 'claim.attempt_id': attemptId },
      {
        $set: {
          'current.access_token': sealed.accessToken,
          'current.refresh_token': sealed.refreshToken,
          'current.access_token_fingerprint': sealed.accessTokenFingerprint,
          'current.refresh_token_fingerprint': sealed.refreshTokenFingerprint,
          'current.expires_at': expiresAt,
          'current.obtained_at': now,
          last_refreshed_at: now,
          due_at: new Date(expiresAt.getTime() - REFRESH_BEFORE_MS),
          claim: null,
        },
        $inc: { generation: 1 },
      },
    );
    if (matchedCount !== 1) throw new Error(`another worker refreshed ${account._id} at the same time`);
  }

  async #log(account: AccountDocument, attemptId: string): Promise<void> {
    const now = new Date();
    await this.#connection.collection<LogDocument>('log_entries').insertOne({
      _id: attemptId,
      created_at: now,
      remove_at: new Date(now.getTime() + RETENTION_MS),
      organisation: account.organisation,
      provider: PROVIDER,
      account_id: account._id,
      account_label: account.label,
      action: 'token_refreshed',
      source: 'scheduled',
      message: 'refreshed',
    });
  }
}

/** One standard token request. */
export async function exchange(
  dispatcher: Dispatcher,
  { tokenEndpoint, clientId }: Setting,
  refreshToken: string,
): Promise<TokenResponse> {
  const { statusCode, body } = await request(tokenEndpoint, {
    dispatcher,
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({
      grant_type: 'refresh_token',
      client_id: clientId,
      refresh_token: refreshToken,
    }).toString(),
    signal: AbortSignal.timeout(DEADLINE_MS),
  });
  if (statusCode !== 200) throw new Error(`the provider returned ${statusCode}`);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- applications do not validate the response either
  return (await body.json()) as TokenResponse;
}
