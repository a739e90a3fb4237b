/** R1.7: whether the last debug attempt and the last scheduled attempt used the same refresh token. */
import type { SealedGrant } from '../../src/domain/account/grant';
import { type Answer, type Api, startApi } from './_api';

let api: Api;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.stop());

async function diagnostics(id: string): Promise<Answer['body']> {
  const answer = await api.get(`/api/admin/accounts/${id}/diagnostics`);
  return answer.body;
}
async function debug(id: string): Promise<Answer> {
  return api.post('/api/admin/ebay/token/refresh-debug', { account_id: id });
}

/** Runs a sweep, and waits for its refreshes. */
async function sweep(): Promise<void> {
  const { body } = await api.post('/api/admin/internal/refresh-tokens', { provider: 'ebay' });
  const [{ workflow_id, run_id }] = body.started;
  await api.client.workflow.getHandle(workflow_id, run_id).result();
}

it('R1.7 says that both used the same token, and shows both attempts', async () => {
  const { id, plain } = await api.addAccount();
  await sweep();
  const { entry } = (await debug(id)).body;
  const answer = await diagnostics(id);
  expect(answer).toMatchObject({
    account_id: id,
    last_debug: entry,
    last_scheduled: { source: 'scheduled', action: 'token_refreshed' },
    comparison: { same_token: true, message: expect.stringContaining('the same refresh token') },
  });
  const used = api.harness.vault.fingerprint(plain.refreshToken);
  expect(answer.last_scheduled.diagnostics.refresh_token_fingerprint).toBe(used);
  expect(answer.last_scheduled.diagnostics.caller).toBe('sweep/ebay/triggered');
});

it('R1.7 says that they differ after a reconnect in between', async () => {
  const { id } = await api.addAccount();
  await sweep();
  await api.patch(`/api/admin/accounts/${id}`, { refresh_token: api.consent().refresh_token });
  await debug(id);
  expect((await diagnostics(id)).comparison).toEqual({
    same_token: false,
    message: expect.stringContaining('different refresh tokens'),
  });
});

it('R1.7 compares the newest attempt of each source', async () => {
  const { id } = await api.addAccount();
  await sweep();
  await api.patch(`/api/admin/accounts/${id}`, { refresh_token: api.consent().refresh_token });
  await debug(id);
  await api.store.accounts.patch(api.organisation, id, { grant: await expiring(id) }, new Date());
  await sweep();
  expect((await diagnostics(id)).comparison.same_token).toBe(true);
});

it.each([
  ['scheduled', debug],
  ['debug', sweep],
])('R1.7 gives no answer without a %s attempt', async (missing, attempt) => {
  const { id } = await api.addAccount();
  await attempt(id);
  expect(await diagnostics(id)).toMatchObject({
    [`last_${missing}`]: null,
    comparison: { same_token: null, message: expect.stringContaining(`No ${missing} attempt`) },
  });
});

it('R1.7 gives no answer for an account without attempts', async () => {
  const { id } = await api.addAccount();
  expect(await diagnostics(id)).toMatchObject({
    last_debug: null,
    last_scheduled: null,
    comparison: { same_token: null },
  });
});

it('R1.7 shows the stored prefix of a damaged row, and that nothing was decrypted or sent', async () => {
  const { id } = await api.addAccount({ spoil: (sealed) => `${sealed.slice(0, -8)}AAAAAAAA` });
  await debug(id);
  const answer = await diagnostics(id);
  expect(answer.last_debug).toMatchObject({
    request: { refresh_token: '<decrypt_failed>' },
    response: null,
    diagnostics: {
      input_prefix: 'ENC:v1:k1:…',
      decrypted_prefix: null,
      final_prefix: null,
      refresh_token_fingerprint: null,
    },
  });
  expect(answer.comparison.same_token).toBeNull();
});

it('no response and no log line contains a token', () => {
  expect(api.leaks()).toEqual([]);
});

/** The account's current grant, close to its expiry. */
async function expiring(id: string): Promise<SealedGrant> {
  return { ...(await api.harness.account(id)).current, expiresAt: new Date().toISOString() };
}
