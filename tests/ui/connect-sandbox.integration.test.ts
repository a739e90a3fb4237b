/** A consent at the sandbox, with the real requests: authorization, code exchange and refresh. */
import { randomUUID } from 'node:crypto';
import { type Api, type Send, startApi } from '../api/_api';

let api: Api;
let send: Send;
beforeAll(async () => {
  api = await startApi();
  await api.harness.startWorker();
  send = api.with({ publicUrl: new URL('http://127.0.0.1') });
});
afterAll(() => api.stop());

/** Acts as the person: opens the link, decides at the sandbox, and returns to the callback. */
async function decide(link: string, decision: 'approve' | 'decline', subject: string) {
  const path = new URL(link).pathname;
  const started = await send('POST', path, {
    key: null,
    text: '',
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      'sec-fetch-site': 'same-origin',
    },
  });
  expect(started.status).toBe(303);
  const [cookie = ''] = (started.headers.get('set-cookie') ?? '').split(';');
  const authorization = new URL(started.headers.get('location') ?? '');
  const form = new URLSearchParams(authorization.searchParams);
  for (const scope of (authorization.searchParams.get('scope') ?? '').split(' '))
    form.append('granted', scope);
  form.set('decision', decision);
  form.set('subject', subject);
  const decided = await fetch(new URL(authorization.pathname, authorization), {
    method: 'POST',
    body: form,
    redirect: 'manual',
  });
  const callback = new URL(decided.headers.get('location') ?? '');
  const options = { key: null, headers: { cookie } };
  const result = await send('GET', `${callback.pathname}${callback.search}`, options);
  expect(result.status).toBe(303);
  return send('GET', result.headers.get('location') ?? '', options);
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
  const declined = await decide(created.body.url, 'decline', subject);
  expect(declined.text).toContain('You declined');
  const approved = await decide(created.body.url, 'approve', subject);
  expect(approved.text).toContain('is connected to');
  const { account_id: id } = created.body;
  const refreshed = await api.post(`/api/admin/accounts/${id}/refresh`, { force: true });
  expect(refreshed.body).toMatchObject({ outcome: 'refreshed' });
  const link = await send('POST', `/api/admin/accounts/${id}/reconnect`, { body: {} });
  expect((await decide(link.body.url, 'approve', subject)).text).toContain('is connected to');
  expect((await api.get(`/api/admin/accounts/${id}`)).body).toMatchObject({
    status: 'ok',
    generation: 3,
  });
});
