/** R2.3: each sweep validates every active store, and the provider's verdict has the right consequence. */
import { randomUUID } from 'node:crypto';
import type { SweepSummary } from '../../src/domain/refresh/sweep';
import { type Harness, type NewAccount, startHarness } from '../support/harness';

const HOUR_MS = 3_600_000;

const NOT_COMPARED = { lastValidation: null, validatedAt: null, updatedAt: null, dueTimes: null };

let h: Harness;
let key: string;
beforeAll(async () => {
  h = await startHarness({ providers: ['shopify', 'google'] });
  key = await h.key();
});
afterAll(() => h?.stop());

const shop = (more: NewAccount = {}) =>
  h.addAccount({ provider: 'shopify', expiresInMs: HOUR_MS, refreshedAgoMs: 0, ...more });
const endless = (more: NewAccount = {}) => shop({ endless: true, ...more });
async function sweep(provider = 'shopify'): Promise<SweepSummary> {
  const { body } = await h.request(key, 'POST', '/api/admin/internal/refresh-tokens', { provider });
  return h.client.workflow.getHandle(body.started[0].workflow_id).result();
}
/** The activities of the provider's last sweep. */
async function activitiesOfSweep(provider: string): Promise<string[]> {
  const handle = h.client.workflow.getHandle(`sweep/${provider}/triggered`);
  const { events } = await handle.fetchHistory();
  return (events ?? []).flatMap(
    ({ activityTaskScheduledEventAttributes: scheduled }) => scheduled?.activityType?.name ?? [],
  );
}
const asked = (subject: string) =>
  h.sandbox.ledger.filter((entry) => entry.event === 'validated' && entry.subject === subject);
const refreshes = (subject: string) =>
  h.sandbox.ledger.filter((entry) => entry.event === 'received' && entry.subject === subject);
/** Keeps the account out of other tests' sweeps. */
const disable = (id: string) =>
  h.request(key, 'PATCH', `/api/admin/accounts/${id}`, { disabled: true });

afterEach(async () => {
  const { body } = await h.request(key, 'GET', '/api/admin/accounts?limit=500');
  for (const { id } of body.items) await disable(id);
});

describe('a sweep over stores', () => {
  it('R2.3 R2.4 validates each active store with one call per sweep, and reports it in its summary', async () => {
    const stores = [await shop(), await endless(), await endless()];
    const off = await shop();
    await disable(off.id);
    for (const times of [1, 2]) {
      const summary = await sweep();
      expect(summary).toMatchObject({ due: 0, validation_due: 3, validated: 3, invalid: 0 });
      for (const { id } of stores) expect(asked(id)).toHaveLength(times);
    }
    expect(asked(off.id)).toHaveLength(0);
    expect(h.logs.join('')).toContain('shopify: validated 3/3');
    for (const { id } of stores) {
      expect(await h.account(id)).toMatchObject({
        state: 'active',
        generation: 1,
        lastValidation: { outcome: 'valid' },
      });
      const entries = await h.entries(id);
      expect(entries.map(({ action, source }) => [action, source])).toEqual([
        ['token_validated', 'scheduled'],
        ['token_validated', 'scheduled'],
      ]);
    }
  });

  it.each([401, 403])(
    'R2.3 makes only the store inactive whose token is refused with %i, with a sentence',
    async (status) => {
      const [refused, fine] = [await endless(), await endless()];
      h.sandbox.script({
        subject: refused.id,
        request: 'validation',
        answer: { kind: 'respond', status, body: '{}' },
      });
      expect(await sweep()).toMatchObject({
        validation_due: 2,
        validated: 1,
        invalid: 1,
        failed: 1,
        failures: { access_token_refused: 1 },
      });
      expect(await h.account(refused.id)).toMatchObject({
        state: 'inactive',
        stateReason: expect.stringMatching(/^The provider no longer accepts the access token/),
        lastValidation: { outcome: 'invalid' },
        lastError: { code: 'access_token_refused', status },
      });
      expect((await h.account(fine.id)).state).toBe('active');
      const [entry] = await h.entries(refused.id);
      expect(entry).toMatchObject({
        action: 'token_invalid',
        outcome: 'rejected',
        request: { access_token: expect.stringMatching(/^shpat_… \(\d+ characters\)$/) },
        response: { status },
      });
      // An inactive store is validated only on request.
      expect(await sweep()).toMatchObject({ validation_due: 1 });
    },
  );

  it.each([
    ['a network error', { kind: 'drop', at: 'before_commit' }, 'validation_unanswered'],
    ['a 500', { kind: 'respond', status: 500, body: 'oops' }, 'provider_unavailable'],
    ['a 503', { kind: 'unavailable' }, 'provider_unavailable'],
    ['a 429', { kind: 'rate_limited', retryAfter: '1' }, 'rate_limited'],
    ['a frozen shop', { kind: 'respond', status: 402, body: '{}' }, 'provider_unavailable'],
  ] as const)('R2.3 changes nothing on %s', async (_what, answer, code) => {
    const stores = [await endless(), await shop()];
    const before = await Promise.all(stores.map(({ id }) => h.account(id)));
    for (const { id } of stores) h.sandbox.script({ subject: id, request: 'validation', answer });
    expect(await sweep()).toMatchObject({
      due: 0,
      validation_due: 2,
      validated: 0,
      invalid: 0,
      failed: 2,
      failures: { [code]: 2 },
    });
    for (const [at, { id }] of stores.entries()) {
      const after = await h.account(id);
      const { lastValidation } = after;
      // Nothing changes except the record of the validation.
      expect({ ...after, ...NOT_COMPARED }).toEqual({ ...before[at], ...NOT_COMPARED });
      expect(lastValidation?.outcome).toBe('unknown');
      expect((await h.entries(id)).map(({ action }) => action)).toEqual(['token_validation_error']);
    }
  });

  it('R2.3 refreshes a store once if its token is refused before its expiry, and the new token is valid', async () => {
    const { id } = await shop();
    h.sandbox.script({
      subject: id,
      request: 'validation',
      answer: { kind: 'respond', status: 401, body: '{}' },
    });
    expect(await sweep()).toMatchObject({ due: 1, refreshed: 1, invalid: 1, failed: 0 });
    expect(await h.account(id)).toMatchObject({
      state: 'active',
      generation: 2,
      lastValidation: null,
      lastError: null,
    });
    expect(await sweep()).toMatchObject({ due: 0, validated: 1 });
    expect(await h.account(id)).toMatchObject({ refusedGeneration: null });
  });

  it('R2.3 makes a store inactive if its refresh is refused too, because the app was removed', async () => {
    const { id, plain } = await shop();
    h.sandbox.revoke(plain.refreshToken);
    expect(await sweep()).toMatchObject({ due: 1, refreshed: 0, invalid: 1, failed: 1 });
    expect(await h.account(id)).toMatchObject({
      state: 'inactive',
      stateReason: expect.stringMatching(/no longer accepts the refresh token/),
    });
  });

  it('R2.3 does not refresh a store again and again if its tokens stay refused', async () => {
    const { id } = await shop();
    h.sandbox.script({
      subject: id,
      request: 'validation',
      times: Number.POSITIVE_INFINITY,
      answer: { kind: 'respond', status: 401, body: '{}' },
    });
    await sweep();
    await sweep();
    expect(refreshes(id)).toHaveLength(1);
    expect(await h.account(id)).toMatchObject({ state: 'inactive', generation: 2 });
  });

  it('does not validate a token that it refreshes anyway', async () => {
    const { id } = await shop({ expiresInMs: -1000 });
    const summary = await sweep();
    expect(summary).toMatchObject({ due: 1, refreshed: 1, validation_due: 1, validated: 1 });
    expect(asked(id)).toHaveLength(1);
    expect((await h.account(id)).generation).toBe(2);
  });

  it('R1.3 logs a token that cannot be decrypted, and validates the other stores', async () => {
    const [damaged, fine] = [await endless(), await endless()];
    const account = await h.account(damaged.id);
    const accessToken = `${account.current.accessToken?.slice(0, -6)}AAAAAA`;
    await h.store.accounts.patch(
      account.organisation,
      damaged.id,
      { grant: { ...account.current, accessToken } },
      new Date(),
    );
    expect(await sweep()).toMatchObject({ validation_due: 2, validated: 1, failed: 1 });
    expect(asked(damaged.id)).toHaveLength(0);
    expect((await h.account(fine.id)).lastValidation?.outcome).toBe('valid');
    expect(await h.account(damaged.id)).toMatchObject({ state: 'needs_reconnect' });
    const [entry] = await h.entries(damaged.id);
    expect(entry).toMatchObject({
      action: 'token_validation_error',
      outcome: 'not_sent',
      request: { access_token: '<decrypt_failed>' },
      response: null,
      error: { code: 'row_corrupt' },
    });
  });

  it('validates more stores than fit into one batch, each once', async () => {
    const organisation = `org-${randomUUID()}`;
    const stores = await Promise.all(Array.from({ length: 120 }, () => endless({ organisation })));
    expect(await sweep()).toMatchObject({ validation_due: 120, validated: 120, failed: 0 });
    for (const { id } of stores) expect(asked(id)).toHaveLength(1);
    const own = await h.key({ organisation });
    for (const { id } of stores)
      await h.request(own, 'PATCH', `/api/admin/accounts/${id}`, { disabled: true });
  });

  it('does not validate a provider without a validation policy, nor list its accounts', async () => {
    const { id } = await h.addAccount({ provider: 'google', expiresInMs: HOUR_MS });
    expect(await sweep('google')).toMatchObject({ due: 0, validation_due: 0 });
    expect(asked(id)).toHaveLength(0);
    expect(await activitiesOfSweep('google')).not.toContain('listDueValidations');
    await sweep('shopify');
    expect(await activitiesOfSweep('shopify')).toContain('listDueValidations');
  });
});
