/** A consent at the sandbox, with the real requests: authorization, code exchange and refresh. */
import { randomUUID } from 'node:crypto';
import { type Api, type Send, startApi } from '../api/_api';
import { browserOf, decide, returnTo, startAt } from '../support/sandbox-consent';

let api: Api;
let send: Send;
beforeAll(async () => {
  api = await startApi();
  await api.harness.startWorker();
  send = api.with({ publicUrl: new URL('http://127.0.0.1') });
});
afterAll(() => api.stop());

const browser = browserOf(() => send);

/** Acts as the person: opens the link, decides at the sandbox, and returns to the callback. */
async function consent(link: string, decision: 'approve' | 'decline', subject: string) {
  const started = await startAt(browser, link);
  return returnTo(browser, await decide(started, subject, decision), started.cookie);
}

it('connects, refreshes and reconnects an account at the sandbox', async () => {
  const subject = `shop_${randomUUID()}`;
  const created = await api.with({ publicUrl: new URL('http://127.0.0.1') })(
    'POST',
    '/api/admin/connect/sessions',
    {
      body: { provider: 'ebay', external_id: subject },
    },
  );
  expect(created.body).toMatchObject({ status: 'created' });
  const declined = await consent(created.body.url, 'decline', subject);
  expect(declined.text).toContain('You declined');
  const approved = await consent(created.body.url, 'approve', subject);
  expect(approved.text).toContain('is connected to');
  const { account_id: id } = created.body;
  const refreshed = await api.post(`/api/admin/accounts/${id}/refresh`, { force: true });
  expect(refreshed.body).toMatchObject({ outcome: 'refreshed' });
  const link = await send('POST', `/api/admin/accounts/${id}/reconnect`, { body: {} });
  expect((await consent(link.body.url, 'approve', subject)).text).toContain('is connected to');
  expect((await api.get(`/api/admin/accounts/${id}`)).body).toMatchObject({
    status: 'ok',
    generation: 3,
  });
});
