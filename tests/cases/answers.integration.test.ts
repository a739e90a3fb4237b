/** Successful answers as authorization servers really send them: what they grant is kept, and expires when they say. */
import { gzipSync } from 'node:zlib';
import { eventually } from '../support/eventually';
import { newToken, tokens } from './_authorization-server';
import { expectMoment, type Product, startProduct } from './_product';

const DAY_MS = 24 * 3600_000;

let product: Product;
beforeAll(async () => {
  product = await startProduct({
    crm: { accessTokenLife: '30m' },
    lasting: { refreshTokenLife: '90d' },
  });
});
// One test's refusals are not the next one's.
afterEach(() => product.h.closeCircuits());
afterAll(() => product?.stop());

/** Connects an account whose next refresh is answered so, and refreshes it. */
async function refreshed(answer: Parameters<Product['server']['script']>[1], members: object = {}) {
  const refreshToken = newToken('rt');
  const { id, refresh_token_fingerprint: fingerprint } = await product.connect({
    refresh_token: refreshToken,
    ...members,
  });
  product.server.script(refreshToken, answer);
  const sentAt = Date.now();
  const outcome = await product.refresh(id);
  return { id, refreshToken, fingerprint, sentAt, outcome, account: await product.account(id) };
}

/** The warnings in the log entry of the account's newest attempt. */
async function warningsOf(id: string): Promise<string[]> {
  return (await product.newestEntry(id)).diagnostics.warnings;
}

describe('a refresh token that a refresh replaced', () => {
  /** Soon enough that the owner of the replaced token would be warned. */
  const oldEnd = () => new Date(Date.now() + 5 * DAY_MS).toISOString();
  const LIFE_SECONDS = 8_726_400;
  const stated: [string, object][] = [
    ['x_refresh_token_expires_in', { x_refresh_token_expires_in: LIFE_SECONDS }],
    ['refresh_expires_in', { refresh_expires_in: LIFE_SECONDS }],
    ['refresh_token_expires_in', { refresh_token_expires_in: LIFE_SECONDS }],
    ['refresh_token_expires_in as text', { refresh_token_expires_in: String(LIFE_SECONDS) }],
  ];

  it.each(stated)('has the lifetime that %s states', async (_name, members) => {
    const { sentAt, outcome, account } = await refreshed(
      tokens({ expires_in: 3600, refresh_token: newToken('rt'), ...members }),
      { refresh_token_expires_at: oldEnd() },
    );
    expect(outcome).toMatchObject({ outcome: 'refreshed' });
    expectMoment(account.refresh_token_expires_at, sentAt + LIFE_SECONDS * 1000);
  });

  it.each([
    ['the answer states no lifetime', {}],
    ['the answer states a lifetime of 0', { refresh_token_expires_in: 0 }],
  ])('has an unknown expiry if %s', async (_name, members) => {
    const { account } = await refreshed(
      tokens({ expires_in: 3600, refresh_token: newToken('rt'), ...members }),
      { refresh_token_expires_at: oldEnd() },
    );
    expect(account).toMatchObject({ generation: 2, refresh_token_expires_at: null });
  });

  it('has the configured lifetime if the answer states none', async () => {
    const { sentAt, account } = await refreshed(
      tokens({ expires_in: 3600, refresh_token: newToken('rt') }),
      { provider: 'lasting', refresh_token_expires_at: oldEnd() },
    );
    expectMoment(account.refresh_token_expires_at, sentAt + 90 * DAY_MS);
  });

  it('raises no warning about the expiry of the replaced token', async () => {
    const { id, account } = await refreshed(
      tokens({ expires_in: 3600, refresh_token: newToken('rt') }),
      { refresh_token_expires_at: oldEnd() },
    );
    expect(account.generation).toBe(2);
    const sweep = await product.startSweep('crm');
    await sweep.ended();
    expect(await product.actionsOf(id)).toEqual(['token_refreshed']);
  });
});

describe('an expiry that is not the number of seconds left', () => {
  const read: [string, (at: number) => object, number][] = [
    ['expires_in states a time in seconds', (at) => ({ expires_in: seconds(at) }), 900_000],
    ['expires_in states a time in ms', (at) => ({ expires_in: at }), 3600_000],
    [
      'expires_in states a time in seconds, as text',
      (at) => ({ expires_in: String(seconds(at)) }),
      900_000,
    ],
  ];
  it.each(read)('is read, with a warning, if %s', async (_name, members, fromNowMs) => {
    const at = Date.now() + fromNowMs;
    const { id, account } = await refreshed(() => tokens(members(at)));
    expectMoment(account.expires_at, at);
    expect((await warningsOf(id)).join()).toContain('expires_in');
    expectMoment((await product.token(id)).expires_at, at);
  });

  it.each([
    ['the expiry in seconds', (at: number) => ({ expires_at: seconds(at) })],
    ['the expiry as an ISO time', (at: number) => ({ expires_at: new Date(at).toISOString() })],
    [
      'the expiry beside an expires_in that is not a number',
      (at: number) => ({ expires_in: 'soon', expires_at: seconds(at) }),
    ],
  ])('is read if only expires_at states %s', async (_name, members) => {
    const at = Date.now() + 600_000;
    const { id, outcome, account } = await refreshed(() =>
      tokens({ ...members(at), refresh_token: newToken('rt') }),
    );
    expect(outcome).toMatchObject({ outcome: 'refreshed' });
    expectMoment(account.expires_at, at);
    expectMoment((await product.token(id)).expires_at, at);
  });

  it('is the configured lifetime, with a warning, if the value is neither a lifetime nor a time', async () => {
    const { id, sentAt, account } = await refreshed(tokens({ expires_in: 500 * 24 * 3600 }));
    expectMoment(account.expires_at, sentAt + 30 * 60_000);
    expect((await warningsOf(id)).join()).toContain('expires_in');
  });
});

describe('a complete grant in an unusual form', () => {
  /** Cases of answers with `refreshToken`, with or without a warning. */
  type Form = (refreshToken: string) => {
    headers?: Record<string, string>;
    body: string | Buffer;
  };
  const members = (refreshToken: string) => ({
    access_token: newToken('at'),
    token_type: 'Bearer',
    expires_in: 28_800,
    refresh_token: refreshToken,
  });
  const formEncoded: Form = (refreshToken) => ({
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({ ...members(refreshToken), expires_in: '28800' }).toString(),
  });
  const zipped = (refreshToken: string) => gzipSync(JSON.stringify(members(refreshToken)));
  const forms: [string, Form][] = [
    ['form-encoded', formEncoded],
    [
      'compressed with gzip',
      (refreshToken) => ({
        headers: { 'content-encoding': 'gzip' },
        body: zipped(refreshToken),
      }),
    ],
    [
      'compressed with gzip without a header that says so',
      (refreshToken) => ({ body: zipped(refreshToken) }),
    ],
    [
      'inside "body" beside a status',
      (refreshToken) => ({ body: JSON.stringify({ status: 0, body: members(refreshToken) }) }),
    ],
    [
      'inside "data" beside a message',
      (refreshToken) => ({
        body: JSON.stringify({ code: 0, message: 'success', data: members(refreshToken) }),
      }),
    ],
    [
      'inside "authed_user"',
      (refreshToken) => ({
        body: JSON.stringify({ ok: true, authed_user: members(refreshToken) }),
      }),
    ],
  ];

  it.each(forms)(
    '%s is stored, and Evergrant sends its refresh token next',
    async (_name, form) => {
      const next = newToken('rt');
      const { id, sentAt, outcome, account, fingerprint } = await refreshed({
        status: 200,
        ...form(next),
      });
      expect(outcome).toMatchObject({ outcome: 'refreshed', exchange: 'ok' });
      expect(account).toMatchObject({ status: 'ok', generation: 2 });
      expect(account.refresh_token_fingerprint).not.toBe(fingerprint);
      expectMoment(account.expires_at, sentAt + 28_800_000);
      product.server.script(next, tokens({ expires_in: 3600 }));
      expect(await product.refresh(id)).toMatchObject({ outcome: 'refreshed', generation: 3 });
      expect(product.server.presented.at(-1)?.refreshToken).toBe(next);
    },
  );

  it.each(forms.filter(([name]) => !name.startsWith('compressed')))(
    '%s causes a warning in the log entry',
    async (_name, form) => {
      const { id } = await refreshed({ status: 200, ...form(newToken('rt')) });
      expect(await warningsOf(id)).not.toEqual([]);
    },
  );

  it('compressed from more than 64 kB is inflated up to 64 kB, and the tokens in that part are stored', async () => {
    const refreshToken = newToken('rt');
    const body = gzipSync(JSON.stringify({ ...members(refreshToken), padding: ' '.repeat(1e6) }));
    const { id, outcome, account } = await refreshed({
      status: 200,
      headers: { 'content-encoding': 'gzip' },
      body,
    });
    expect(outcome).toMatchObject({ outcome: 'refreshed' });
    expect(account).toMatchObject({ generation: 2, status: 'ok' });
    expect((await warningsOf(id)).join()).toContain('compressed (gzip)');
  });
});

it('a form-encoded refusal with status 200 counts as a refusal of the refresh token', async () => {
  const { id, outcome, account } = await refreshed({
    status: 200,
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({
      error: 'bad_refresh_token',
      error_description: 'The token has expired.',
    }).toString(),
  });
  expect(outcome).toMatchObject({ outcome: 'failed', failure: { code: 'invalid_grant' } });
  expect(account.status).toBe('needs_reconnect');
  await eventually(async () => (await product.eventsOf(id)).includes('account.needs_reconnect'));
});

function seconds(ms: number): number {
  return Math.floor(ms / 1000);
}
