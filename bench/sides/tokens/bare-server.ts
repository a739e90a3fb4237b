/**
 * The minimal token endpoint, in a separate process; contains both ends of the connection. With the same server, driver
 * and encrypted accounts, it decrypts and returns the token. It does not authenticate, validate, audit, share requests
 * or exclude concurrent refreshes.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { type ServerType, serve } from '@hono/node-server';
import { Hono } from 'hono';
import type { Connection } from 'mongoose';
import { Agent } from 'undici';
import { openDatabase } from '../../../src/store/mongo/database';
import { grantPlace, type Vault } from '../../../src/vault/vault';
import { identityOf, openStoreAndVault } from '../accounts';
import { exchange } from '../plain-refresh';
import { ORGANISATION, type Setting } from '../side';

export class BareServer {
  readonly #child: ChildProcess;
  readonly url: string;
  /** Time limit from the start to the first message, in ms. */
  readonly startedInSeconds: number;

  private constructor(child: ChildProcess, port: number, startedInSeconds: number) {
    this.#child = child;
    this.url = `http://127.0.0.1:${port}`;
    this.startedInSeconds = startedInSeconds;
  }

  static async start(setting: Setting): Promise<BareServer> {
    const begun = performance.now();
    const child = fork(__filename, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    child.send(setting);
    const exited = once(child, 'exit').then(() => {
      throw new Error('the bare server did not start');
    });
    const [{ port }] = await Promise.race([once(child, 'message'), exited]);
    exited.catch(() => undefined);
    return new BareServer(child, port, (performance.now() - begun) / 1000);
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  async stop(): Promise<void> {
    const exited = once(this.#child, 'exit');
    this.#child.disconnect();
    await exited;
  }
}

interface AccountDocument {
  _id: string;
  organisation: string;
  generation: number;
  current: { access_token: string; refresh_token: string; expires_at: Date; scopes: string[] };
}

function createBareApp(setting: Setting, connection: Connection, vault: Vault): Hono {
  const accounts = connection.collection<AccountDocument>('accounts');
  const http = new Agent();
  const memory = new Map<string, object>();

  async function read(accountId: string): Promise<AccountDocument> {
    const account = await accounts.findOne({ _id: accountId, organisation: ORGANISATION });
    if (account === null) throw new Error(`account ${accountId} does not exist`);
    return account;
  }

  function answer({ _id, generation, current }: AccountDocument): object {
    const place = grantPlace(identityOf(_id), generation);
    return body(
      vault.openToken(current.access_token, place, 'access_token'),
      current.expires_at,
      current.scopes,
    );
  }

  async function refreshed({ _id, generation, current }: AccountDocument): Promise<object> {
    const identity = identityOf(_id);
    const place = grantPlace(identity, generation);
    const refreshToken = vault.openToken(current.refresh_token, place, 'refresh_token');
    const fresh = await exchange(http, setting, refreshToken);
    const sealed = vault.sealGrant(
      { accessToken: fresh.access_token, refreshToken: fresh.refresh_token },
      grantPlace(identity, generation + 1),
    );
    const expiresAt = new Date(Date.now() + fresh.expires_in * 1000);
    const { matchedCount } = await accounts.updateOne(
      { _id, generation },
      {
        $set: {
          'current.access_token': sealed.accessToken,
          'current.refresh_token': sealed.refreshToken,
          'current.expires_at': expiresAt,
        },
        $inc: { generation: 1 },
      },
    );
    if (matchedCount !== 1) throw new Error(`another request refreshed ${_id} at the same time`);
    return body(fresh.access_token, expiresAt, current.scopes);
  }

  return new Hono()
    .get('/memory/:id', async (c) => {
      const id = c.req.param('id');
      let known = memory.get(id);
      if (known === undefined) {
        known = answer(await read(id));
        memory.set(id, known);
      }
      return c.json(known);
    })
    .get('/store/:id', async (c) => c.json(answer(await read(c.req.param('id')))))
    .get('/expired/:id', async (c) => c.json(await refreshed(await read(c.req.param('id')))));
}

function body(accessToken: string, expiresAt: Date, scopes: string[]): object {
  return {
    active: true,
    access_token: accessToken,
    token_type: 'Bearer',
    expires_at: expiresAt.toISOString(),
    scopes,
    fallback: false,
  };
}

async function serveBare(): Promise<void> {
  const [setting]: Setting[] = await once(process, 'message');
  if (setting === undefined) return;
  const { store, vault } = await openStoreAndVault(setting);
  await store.close();
  const connection = await openDatabase(setting.mongodbUri);
  const { fetch } = createBareApp(setting, connection, vault);
  const server: ServerType = serve({ fetch, hostname: '127.0.0.1', port: 0 }, ({ port }) =>
    process.send?.({ port }),
  );
  process.once('disconnect', () => {
    server.close();
    void connection.close().finally(() => process.exit(0));
  });
}

if (require.main === module) void serveBare();
