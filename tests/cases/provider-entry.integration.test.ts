/** Settings of `providers.yaml` for special servers: the separator of scopes, and the earliest refresh. */
import { setTimeout as delay } from 'node:timers/promises';
import { newToken, refusal, tokens } from './_authorization-server';
import { accountBecomes, type Product, startProduct } from './_product';

const LIFE_SECONDS = 20;
const NOT_BEFORE_SECONDS = 6;

let product: Product;
beforeAll(async () => {
  product = await startProduct({
    hub: { scopeSeparator: ',' },
    early: { jitter: 'none', refreshBefore: '15s', notBefore: `${NOT_BEFORE_SECONDS}s` },
  });
}, 120_000);
afterAll(() => product?.stop());

it.each([
  ['with the separator of its provider', 'repo,user:email'],
  ['in an array', ['repo', 'user:email']],
])('scopes of an answer are read %s', async (_name, scope) => {
  const refreshToken = newToken('rt');
  product.server.script(refreshToken, tokens({ expires_in: 3600, scope }));
  const { id } = await product.connect({
    provider: 'hub',
    refresh_token: refreshToken,
    scopes: ['old'],
  });
  expect(await product.refresh(id)).toMatchObject({ outcome: 'refreshed' });
  const expected = ['repo', 'user:email'];
  expect((await product.account(id)).scopes).toEqual(expected);
  expect((await product.token(id)).scopes).toEqual(expected);
});

it('entered scopes with the separator of the provider are read', async () => {
  const csv = `provider,external_id,refresh_token,scopes\nhub,commas,${newToken('rt')},"repo,user:email"\n`;
  const response = await product.h.app.request('/api/admin/accounts/import', {
    method: 'POST',
    headers: { authorization: `Bearer ${product.key}`, 'content-type': 'text/csv' },
    body: csv,
  });
  const [{ account_id: id }] = (await response.text())
    .split('\n')
    .map((line) => JSON.parse(line || '{}'));
  expect((await product.account(id)).scopes).toEqual(['repo', 'user:email']);
});

it('Evergrant sends no refresh before notBefore, for any margin', async () => {
  const refreshToken = newToken('rt');
  const asked: number[] = [];
  product.server.script(refreshToken, () => {
    const last = asked.at(-1) ?? 0;
    asked.push(Date.now());
    return Date.now() - last < (LIFE_SECONDS - NOT_BEFORE_SECONDS) * 1000 - 1000
      ? refusal(400, { error: 'access_denied', error_description: 'access_token not expired' })
      : tokens({ expires_in: LIFE_SECONDS });
  });
  const { id } = await product.connect({ provider: 'early', refresh_token: refreshToken });
  const deadline = Date.now() + 2 * LIFE_SECONDS * 1000;
  while (asked.length < 2 && Date.now() < deadline) {
    await product.startSweep('early');
    await delay(500);
  }
  await accountBecomes(product, id, ({ generation }) => generation === 3);
  const [first = 0, second = 0] = asked;
  expect((second - first) / 1000).toBeGreaterThan(LIFE_SECONDS - NOT_BEFORE_SECONDS - 2);
  expect((second - first) / 1000).toBeLessThan(LIFE_SECONDS + 5);
  expect(asked).toHaveLength(2);
}, 120_000);
