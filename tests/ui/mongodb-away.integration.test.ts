/** Pages and sign-out while MongoDB, which stores the sessions, is unreachable. */
import { randomBytes } from 'node:crypto';
import { engines } from '../support/engines';
import { eventually } from '../support/eventually';
import { type Harness, startHarness } from '../support/harness';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy';
import { visit } from './_forms';

let proxy: TcpProxy;
let h: Harness;
beforeAll(async () => {
  proxy = await startTcpProxy();
  const uri = engines.mongodbUri(`evergrant_unreachable_${randomBytes(4).toString('hex')}`);
  h = await startHarness({ worker: false, mongodbUri: proxy.through(uri) });
});
afterAll(async () => {
  await h?.stop();
  await proxy?.stop();
});

it('pages and a sign-out respond with 503 and a reason, and the session is valid afterwards', async () => {
  const headers = { 'sec-fetch-site': 'same-origin' };
  const body = new URLSearchParams({ key: await h.key() });
  const signedIn = await h.app.request('/sign-in', { method: 'POST', body, headers });
  const cookie = signedIn.headers.get('set-cookie')?.split(';', 1)[0] ?? '';
  const get = (path: string) => h.app.request(path, { headers: { cookie } });
  expect((await get('/admin/accounts')).status).toBe(200);
  proxy.drop();
  try {
    // Retries, because a request during the reset fails with an error of Node that is no `Error` in Jest's realm.
    const page = await eventually(() => get('/admin/accounts'));
    expect(page.status).toBe(503);
    expect(await page.text()).toContain('MongoDB is unreachable or has no primary. Try again.');
    const signOut = await h.app.request('/sign-out', {
      method: 'POST',
      headers: { ...headers, cookie },
    });
    // The browser keeps the cookie, so that the sign-out can be repeated.
    expect({ status: signOut.status, cookie: signOut.headers.get('set-cookie') }).toEqual({
      status: 503,
      cookie: null,
    });
    // The description of the API needs neither a session nor MongoDB.
    expect((await get('/docs')).status).toBe(200);
  } finally {
    proxy.restore();
  }
  await eventually(async () => (await get('/admin/accounts')).status === 200);
});

it('U28.6: a form can be sent again with what was typed when MongoDB is back, without its secrets', async () => {
  const me = await visit(h);
  const path = '/admin/accounts/new';
  const fields = {
    provider: 'ebay',
    external_id: 'typed-id',
    label: 'Typed label',
    refresh_token: 'v1-typed-secret',
  };
  proxy.drop();
  try {
    const page = await eventually(() => me.post(path, fields));
    expect(page.status).toBe(503);
    expect(page.text).toContain('MongoDB is unreachable or has no primary.');
    expect(page.text).toContain(`action="${path}"`);
    expect(page.text).toContain('name="label" value="Typed label"');
    expect(page.text).toMatch(/id="refresh_token"[^>]*type="password"/);
    expect(page.text).not.toContain('v1-typed-secret');
  } finally {
    proxy.restore();
  }
  const again = await eventually(async () => {
    const { status, to } = await me.post(path, fields);
    return status === 303 && to;
  });
  expect(again).toMatch(/^\/admin\/accounts\/acc_/);
});
