/** One refresh on real servers: the effect of each outcome on the account, the log and the caller. */
import { randomBytes } from 'node:crypto';
import { KeyRing } from '../../src/vault/key-ring';
import { OpenError, seal } from '../../src/vault/sealing';
import { grantPlace } from '../../src/vault/vault';
import { eventually } from '../support/eventually';
import { type Harness, startHarness } from '../support/harness';

let h: Harness;
let key: string;
beforeAll(async () => {
  h = await startHarness({ limits: { probeEveryMs: 1_000 } });
  key = await h.key();
});
// Resets the OAuth app between tests.
afterEach(() => h.closeCircuits());
afterAll(() => h?.stop());

const refresh = async (id: string, force = false) =>
  (await h.request(key, 'POST', `/api/admin/accounts/${id}/refresh`, { force })).body;
const presented = (id: string) =>
  h.sandbox.ledger.filter((e) => e.event === 'received' && e.subject === id);
/** The log lines of an account's attempts; activities log a moment after the outcome. */
const lines = (id: string) =>
  eventually<any[]>(() => {
    const found: any[] = h.logs
      .map((line) => JSON.parse(line))
      .filter((line) => line.account_id === id && line.action !== undefined);
    return found.length > 0 && found;
  });

describe('a refresh', () => {
  it('R0.4 is logged as a structured line and as an entry token_refreshed', async () => {
    const { id } = await h.addAccount();
    expect(await refresh(id)).toMatchObject({
      outcome: 'refreshed',
      exchange: 'ok',
      generation: 2,
    });
    const [entry, ...others] = await h.entries(id);
    expect(others).toEqual([]);
    expect(entry).toMatchObject({
      action: 'token_refreshed',
      source: 'api',
      environment: 'production',
      error: null,
    });
    expect(await lines(id)).toEqual([
      expect.objectContaining({ action: 'token_refreshed', source: 'api', level: 'info' }),
    ]);
  });

  it('R1.7 logs caller and the three prefixes, and no more of the token', async () => {
    const { id, plain } = await h.addAccount();
    await refresh(id);
    const [line] = await lines(id);
    expect(line).toMatchObject({ input_prefix: 'ENC:v1:k1:…' });
    expect(line.requested_by).toMatch(/^key /);
    expect(line.decrypted_prefix).toBe(`v^1.1#… (${plain.refreshToken.length} characters)`);
    expect(line.final_prefix).toBe(line.decrypted_prefix);
  });

  it('keeps the refresh token if the response has none, and the grant that it replaces', async () => {
    const before = await h.addAccount();
    const { id } = before;
    await refresh(id);
    const after = await h.account(id);
    expect(after.current.refreshTokenFingerprint).toBe(before.current.refreshTokenFingerprint);
    // The kept refresh token is encrypted again for the new generation, and decrypts only in that one.
    const opened = (generation: number) =>
      h.vault.openToken(
        after.current.refreshToken ?? '',
        grantPlace(after, generation),
        'refresh_token',
      );
    expect(opened(2)).toBe(before.plain.refreshToken);
    expect(() => opened(1)).toThrow(OpenError);
    expect(after.current.accessTokenFingerprint).not.toBe(before.current.accessTokenFingerprint);
    expect(after.previous?.accessToken).toBe(before.current.accessToken);
    expect(after).toMatchObject({ generation: 2, claim: null, lastError: null, failedAttempts: 0 });
    expect(Date.parse(after.current.expiresAt ?? '')).toBeGreaterThan(Date.now() + 7100 * 1000);
  });

  it('is skipped if the account is not due, and made if it is forced', async () => {
    const { id } = await h.addAccount({ expiresInMs: 90 * 60_000, refreshedAgoMs: 60_000 });
    expect(await refresh(id)).toMatchObject({
      outcome: 'skipped',
      reason: 'fresh',
      log_entry_id: null,
    });
    expect((await h.account(id)).claim).toBeNull();
    expect(presented(id)).toHaveLength(0);
    expect(await refresh(id, true)).toMatchObject({ outcome: 'refreshed' });
  });

  it('R0.3 is made if the last refresh was 60 minutes ago, although the expiry is far', async () => {
    const { id } = await h.addAccount({ expiresInMs: 6 * 3600_000, refreshedAgoMs: 60 * 60_000 });
    expect(await refresh(id)).toMatchObject({ outcome: 'refreshed' });
  });
});

describe('an account whose provider refuses the refresh token', () => {
  it('R0.4 R1.8 needs a reconnect, with a sentence for invalid_grant, and is not retried', async () => {
    const { id, plain } = await h.addAccount();
    h.sandbox.revoke(plain.refreshToken);
    const outcome = await refresh(id);
    expect(outcome).toMatchObject({
      outcome: 'failed',
      exchange: 'rejected',
      failure: { class: 'account', code: 'invalid_grant', status: 400 },
    });
    const account = await h.account(id);
    expect(account).toMatchObject({ state: 'needs_reconnect', failedAttempts: 1 });
    expect(account.stateReason).toMatch(/owner must reconnect the account/);
    expect(account.current.refreshToken).not.toBe('');
    const [entry] = await h.entries(id);
    expect(entry).toMatchObject({
      action: 'token_refresh_failed',
      outcome: 'rejected',
      error: { code: 'invalid_grant' },
    });
    expect(await refresh(id)).toMatchObject({ outcome: 'skipped', reason: 'needs_reconnect' });
    expect(presented(id)).toHaveLength(1);
  });

  it('R1.9 shows no old error after a reconnect', async () => {
    const { id, plain } = await h.addAccount();
    h.sandbox.revoke(plain.refreshToken);
    await refresh(id);
    const again = h.sandbox.issueGrant({ provider: 'ebay', subject: id });
    await h.request(key, 'PATCH', `/api/admin/accounts/${id}`, {
      refresh_token: again.refresh_token,
    });
    const { body } = await h.request(key, 'GET', `/api/admin/accounts/${id}`);
    expect(body).toMatchObject({
      status: 'ok',
      status_reason: null,
      last_error: null,
      failed_attempts: 0,
    });
  });
});

describe('an unusable row', () => {
  const cases = [
    {
      title: 'damaged',
      code: 'row_corrupt',
      spoil: (sealed: string) => `${sealed.slice(0, -4)}AAAA`,
      state: 'needs_reconnect',
    },
    {
      title: 'in plaintext',
      code: 'row_not_sealed',
      spoil: () => 'v^1.1#i^1#legacy-plaintext-row',
      state: 'needs_reconnect',
    },
    {
      title: 'ciphertext of another system',
      code: 'row_corrupt',
      spoil: () => 'ENC:abcdef0123456789',
      state: 'needs_reconnect',
    },
  ];
  it.each(cases)(
    'R1.3 R1.4 R1.8 ends the refresh before HTTP if it is $title, with an entry and a sentence',
    async ({ code, spoil, state }) => {
      const { id } = await h.addAccount({ spoil });
      expect(await refresh(id)).toMatchObject({
        outcome: 'failed',
        exchange: 'not_sent',
        failure: { code },
      });
      expect(presented(id)).toHaveLength(0);
      const [entry, ...others] = await h.entries(id);
      expect(others).toEqual([]);
      expect(entry).toMatchObject({
        action: 'token_refresh_error',
        response: null,
        request: { refresh_token: '<decrypt_failed>' },
        error: { code, message: expect.stringMatching(/must reconnect the account/) },
      });
      expect((await h.account(id)).state).toBe(state);
      expect(await refresh(id)).toMatchObject({ outcome: 'skipped' });
    },
  );

  it('R0.6 is reported as a key mismatch if another key with the same id encrypted it, and never as a refusal', async () => {
    const other = KeyRing.parse(`k1:${randomBytes(32).toString('base64')}`);
    const { id } = await h.addAccount();
    const account = await h.account(id);
    const foreign = seal(other, 'v^1.1#anything', {
      organisation: account.organisation,
      account: id,
      field: 'refresh_token',
    });
    const spoiled = await h.addAccount({ spoil: () => foreign });
    const outcome = await refresh(spoiled.id);
    expect(outcome).toMatchObject({
      outcome: 'failed',
      failure: { class: 'ours', code: 'key_mismatch' },
    });
    expect(outcome.failure.message).toMatch(/key mismatch/);
    expect(await h.account(spoiled.id)).toMatchObject({ state: 'active' });
    expect((await h.entries(spoiled.id))[0]).toMatchObject({ action: 'token_refresh_error' });
  });

  it('R1.4 is sent with a warning if it is an eBay refresh token with an unexpected format', async () => {
    const { id } = await h.addAccount({
      refreshToken: 'AgAAAA**AQAAAA**aAAAAA**odd-shape-token-0123456789',
    });
    expect(await refresh(id)).toMatchObject({
      outcome: 'failed',
      failure: { code: 'invalid_grant' },
    });
    expect((await h.entries(id))[0]?.diagnostics?.warnings).toEqual([
      expect.stringContaining('starts with "v^"'),
    ]);
  });
});

describe('a transient failure', () => {
  it('R2.5 never marks an account, and is retried while the access token is valid', async () => {
    const { id } = await h.addAccount({ expiresInMs: 10 * 60_000 });
    const up = h.sandbox.script({ subject: id, times: 2, answer: { kind: 'unavailable' } });
    const outcome = await refresh(id);
    expect(outcome).toMatchObject({
      outcome: 'failed',
      failure: { class: 'provider', code: 'provider_unavailable' },
    });
    expect((await h.account(id)).state).toBe('active');
    // The only replay comes after a second, the next attempt after a pause that a new request interrupts.
    await eventually(async () => (await h.entries(id)).length === 2);
    await eventually(async () => (await refresh(id)).outcome === 'refreshed');
    up();
    expect((await h.entries(id)).map(({ outcome: end }) => end)).toEqual([
      'ok',
      'unknown',
      'unknown',
    ]);
    expect(presented(id)).toHaveLength(3);
  });

  it('is left to the next sweep if the access token has expired', async () => {
    const { id } = await h.addAccount({ expiresInMs: -60_000 });
    h.sandbox.script({
      subject: id,
      times: 2,
      answer: { kind: 'respond', status: 502, body: '<html>bad gateway</html>' },
    });
    await refresh(id);
    await eventually(async () => (await h.entries(id)).length === 2);
    await eventually(
      async () =>
        (await h.client.workflow.getHandle(`refresh-account/${id}`).describe()).status.name ===
        'COMPLETED',
    );
    const account = await h.account(id);
    expect(account.state).toBe('active');
    expect(account.nextAttemptAt?.getTime()).toBeGreaterThan(Date.now());
  });

  it('is retried after the pause that the provider asks for', async () => {
    const { id } = await h.addAccount({ expiresInMs: 10 * 60_000 });
    h.sandbox.script({ subject: id, answer: { kind: 'rate_limited', retryAfter: '2' } });
    expect(await refresh(id)).toMatchObject({
      outcome: 'failed',
      exchange: 'throttled',
      failure: { class: 'rate', code: 'rate_limited' },
    });
    await eventually(async () => (await h.account(id)).generation === 2);
    const [first, second] = presented(id);
    expect((second?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThanOrEqual(1_950);
  });

  it('concerns the OAuth app and no account if the provider refuses the client', async () => {
    const { id } = await h.addAccount({ proven: true });
    h.sandbox.setClientSecret('rolled');
    try {
      const outcome = await refresh(id);
      expect(outcome).toMatchObject({
        outcome: 'failed',
        failure: { class: 'app', code: 'invalid_client' },
      });
      expect(await h.account(id)).toMatchObject({
        state: 'active',
        failedAttempts: 0,
        lastError: null,
        claim: null,
      });
    } finally {
      h.sandbox.setClientSecret(h.clientSecret);
    }
    // Either the next request or a probe refreshes the account.
    await eventually(async () => {
      await refresh(id);
      return (await h.account(id)).generation === 2;
    });
  });

  it('is unknown after a lost response, and is replayed once', async () => {
    const { id } = await h.addAccount();
    h.sandbox.script({ subject: id, answer: { kind: 'drop', at: 'after_commit' } });
    expect(await refresh(id)).toMatchObject({
      outcome: 'failed',
      exchange: 'unknown',
      failure: { code: 'answer_lost' },
    });
    // The entry is written a moment after the grant.
    await eventually(async () => (await h.entries(id)).length === 2);
    expect((await h.account(id)).generation).toBe(2);
    expect((await h.entries(id)).map(({ outcome: end }) => end)).toEqual(['ok', 'unknown']);
    expect(presented(id)).toHaveLength(2);
  });

  it('keeps the tokens of an unexpected response', async () => {
    const { id } = await h.addAccount();
    h.sandbox.script({
      subject: id,
      answer: {
        kind: 'odd_success',
        body: (answer) =>
          JSON.stringify({
            access_token: answer?.['access_token'],
            refresh_token: 'v^1.1#rotated-by-surprise-0001',
          }),
      },
    });
    expect(await refresh(id)).toMatchObject({ outcome: 'refreshed' });
    const account = await h.account(id);
    expect(account.current.refreshTokenFingerprint).toBe(
      h.vault.fingerprint('v^1.1#rotated-by-surprise-0001'),
    );
    expect((await h.entries(id))[0]?.diagnostics?.warnings).toEqual([
      expect.stringContaining('token_type'),
    ]);
  });
});
