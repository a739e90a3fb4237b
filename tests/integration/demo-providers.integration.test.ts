/** The ten providers of demo mode that are described by their files alone: each account connects, refreshes and is revoked. */
import { randomUUID } from 'node:crypto';
import { CONNECTABLE_PROVIDERS } from '../../src/all-in-one/demo-mode';
import { readCatalogueFile } from '../../src/providers/catalogue/read-file';
import { type Api, type Send, startApi } from '../api/_api';
import { browserOf, decide, returnTo, startAt } from '../support/sandbox-consent';

let api: Api;
let send: Send;
beforeAll(async () => {
  api = await startApi({ providers: CONNECTABLE_PROVIDERS });
  send = api.with({ publicUrl: new URL('http://127.0.0.1') });
});
afterAll(() => api.stop());

const browser = browserOf(() => send);

/** Acts as the person: opens the link, approves at the sandbox, and returns to the callback. */
async function connected(
  provider: string,
  subject: string,
  body: object = { provider, external_id: subject },
): Promise<string> {
  const session = await send('POST', '/api/admin/connect/sessions', { body });
  const started = await startAt(browser, session.body.url);
  const page = await returnTo(browser, await decide(started, subject), started.cookie);
  expect(page.text).toContain('is connected to');
  return session.body.account_id;
}

const show = async (id: string) => (await api.get(`/api/admin/accounts/${id}`)).body;
const refresh = async (id: string) =>
  (await api.post(`/api/admin/accounts/${id}/refresh`, { force: true })).body;

async function tokensOf(id: string) {
  const { current } = await api.harness.account(id);
  return current;
}

const files = CONNECTABLE_PROVIDERS.map((id) => ({ id, file: readCatalogueFile(id) }));
const validated = files.filter(({ file }) => file.validation !== undefined);

it('counts ten providers', () => expect(files).toHaveLength(10));

describe('a demo provider that is only a file', () => {
  it.each(files)('$id connects an account and refreshes it twice', async ({ id: provider }) => {
    const id = await connected(provider, `shop_${randomUUID()}`);
    expect(await show(id)).toMatchObject({ status: 'ok', generation: 1 });
    const first = await tokensOf(id);
    expect(await refresh(id)).toMatchObject({ outcome: 'refreshed', generation: 2 });
    expect(await refresh(id)).toMatchObject({ outcome: 'refreshed', generation: 3 });
    const second = await tokensOf(id);
    expect(second.accessTokenFingerprint).not.toBe(first.accessTokenFingerprint);
    const { items } = (
      await api.get(`/api/admin/${provider}/tokens/terminal-logs?account_id=${id}`)
    ).body;
    const attempts = items.filter(({ action }: any) => action === 'token_refreshed');
    expect(attempts.map(({ diagnostics }: any) => diagnostics?.warnings ?? [])).toEqual([[], []]);
  });

  it('slack names the account in its token response, so the session needs no external id', async () => {
    const id = await connected('slack', `shop_${randomUUID()}`, { provider: 'slack' });
    expect(await show(id)).toMatchObject({ status: 'ok', external_id: id, generation: 1 });
    expect(await refresh(id)).toMatchObject({ outcome: 'refreshed', generation: 2 });
    const zoom = await send('POST', '/api/admin/connect/sessions', { body: { provider: 'zoom' } });
    expect(zoom.body.error.message).toMatch(/^external_id: needed/);
  });

  it.each(validated)('$id validates a token', async ({ id: provider }) => {
    const id = await connected(provider, `shop_${randomUUID()}`);
    const { body } = await api.post(`/api/admin/accounts/${id}/validate`);
    expect(body).toMatchObject({ outcome: 'valid', failure: null });
  });

  it.each(files)('$id revokes the tokens of an account', async ({ id: provider }) => {
    const subject = `shop_${randomUUID()}`;
    const id = await connected(provider, subject);
    await api.post(`/api/admin/accounts/${id}/disconnect`);
    await api.harness.client.workflow.getHandle(`disconnect/${id}`).result();
    const { body } = await api.get(`/api/admin/accounts/${id}/disconnect`);
    expect(body.status).toBe('disconnected');
    const results = body.tokens.map(({ result }: any) => result);
    expect(results).toContain('revoked');
    expect(results).not.toContain('refused');
    const withdrawn = api.sandbox.ledger.filter(
      (entry) => entry.event === 'withdrawn' && entry.subject === subject,
    );
    expect(withdrawn).not.toEqual([]);
  });
});
