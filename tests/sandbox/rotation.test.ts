/** A used refresh token in each rotation mode of the sandbox. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { refreshTokenFingerprint } from '../../src/sandbox/ledger';
import type { Rotation } from '../../src/sandbox/rotation';
import type { Sandbox } from '../../src/sandbox/server';
import { CLIENT_ID, sandboxForTest, stopSandboxes } from './_token-client';

afterEach(stopSandboxes);

const answerSchema = z.object({
  access_token: z.string().optional(),
  refresh_token: z.string().optional(),
  error: z.string().optional(),
  error_description: z.string().optional(),
});

/** Uses a refresh token as Etsy's public client does. */
async function use(sandbox: Sandbox, refreshToken = '') {
  const response = await fetch(sandbox.tokenEndpoint('etsy'), {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'refresh_token',
      client_id: CLIENT_ID,
      refresh_token: refreshToken,
    }),
  });
  return answerSchema.parse(await response.json());
}

let clock = Date.parse('2026-11-22T12:00:00Z');
const now = () => new Date(clock);
const grantOf = (sandbox: Sandbox, rotation?: Rotation) =>
  sandbox.issueGrant({ provider: 'etsy', subject: 's', ...(rotation && { rotation }) });

describe('a strict rotation, as Etsy has it', () => {
  it('answers each use with a new refresh token', async () => {
    const sandbox = await sandboxForTest();
    const first = grantOf(sandbox).refresh_token;
    const second = (await use(sandbox, first)).refresh_token;
    const third = (await use(sandbox, second)).refresh_token;
    expect(new Set([first, second, third]).size).toBe(3);
    expect(sandbox.ledger.some((entry) => entry.rotatedTokenPresented)).toBe(false);
  });

  it('R2.2 treats a replay as theft and revokes every token of the family, the newest too', async () => {
    const sandbox = await sandboxForTest();
    const first = grantOf(sandbox).refresh_token;
    const { access_token: access = '', refresh_token: second } = await use(sandbox, first);
    expect(sandbox.isAccessTokenActive(access)).toBe(true);
    expect(await use(sandbox, first)).toEqual({
      error: 'invalid_grant',
      error_description: 'refresh_token is revoked',
    });
    expect(sandbox.isAccessTokenActive(access)).toBe(false);
    expect((await use(sandbox, second)).error).toBe('invalid_grant');
    expect(sandbox.ledger.filter((e) => e.event === 'received')[1]).toMatchObject({
      rotatedTokenPresented: true,
      subject: 's',
    });
    // The family is revoked once.
    const revoked = sandbox.ledger.filter(({ event }) => event === 'revoked');
    expect(revoked).toMatchObject([
      { subject: 's', refreshTokenFingerprint: refreshTokenFingerprint(first) },
    ]);
  });

  it('records in the ledger which refresh token replaced which', async () => {
    const sandbox = await sandboxForTest();
    const first = grantOf(sandbox).refresh_token;
    const { refresh_token: second = '' } = await use(sandbox, first);
    expect(sandbox.ledger.find(({ event }) => event === 'committed')).toMatchObject({
      refreshTokenFingerprint: refreshTokenFingerprint(first),
      mintedRefreshTokenFingerprint: refreshTokenFingerprint(second),
    });
  });

  it('revokes nothing for a replay that a script answers', async () => {
    const sandbox = await sandboxForTest();
    const first = grantOf(sandbox).refresh_token;
    const second = (await use(sandbox, first)).refresh_token;
    sandbox.script({ answer: { kind: 'drop', at: 'before_commit' } });
    await expect(use(sandbox, first)).rejects.toThrow('fetch failed');
    expect((await use(sandbox, second)).refresh_token).toEqual(expect.any(String));
  });

  it('writes the successor to disk before it reports the commit', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'evergrant-sandbox-'));
    try {
      const stateFile = join(folder, 'sandbox.json');
      const sandbox = await sandboxForTest({ stateFile });
      const first = grantOf(sandbox).refresh_token;
      const hashes: number[] = [];
      sandbox.on('committed', () => {
        const state = JSON.parse(readFileSync(stateFile, 'utf8'));
        hashes.push(state.families[0].refreshTokenHashes.length);
      });
      const second = (await use(sandbox, first)).refresh_token;
      await use(sandbox, second);
      expect(hashes).toEqual([2, 3]);
      await sandbox.stop();
      const restarted = await sandboxForTest({ stateFile });
      expect((await use(restarted, first)).error).toBe('invalid_grant');
    } finally {
      await stopSandboxes();
      rmSync(folder, { recursive: true });
    }
  });
});

describe('a rotation with a grace period', () => {
  const grace: Rotation = { mode: 'grace', seconds: 30 };

  it('returns the same successor again within the grace period', async () => {
    const sandbox = await sandboxForTest({ now });
    const first = grantOf(sandbox, grace).refresh_token;
    const second = (await use(sandbox, first)).refresh_token;
    clock += 30_000;
    expect((await use(sandbox, first)).refresh_token).toBe(second);
    expect((await use(sandbox, second)).refresh_token).not.toBe(second);
  });

  it('treats a use after the grace period as a replay', async () => {
    const sandbox = await sandboxForTest({ now });
    const first = grantOf(sandbox, grace).refresh_token;
    const second = (await use(sandbox, first)).refresh_token;
    clock += 30_001;
    expect((await use(sandbox, first)).error).toBe('invalid_grant');
    expect((await use(sandbox, second)).error).toBe('invalid_grant');
  });
});

describe('a rotation that waits for the successor', () => {
  const waiting: Rotation = { mode: 'until_successor_used', seconds: 30 * 24 * 3600 };

  it('returns further successors until one is used, and then treats the old token as replayed', async () => {
    const sandbox = await sandboxForTest({ now });
    const first = grantOf(sandbox, waiting).refresh_token;
    const lost = (await use(sandbox, first)).refresh_token;
    clock += 24 * 3600_000;
    const kept = (await use(sandbox, first)).refresh_token;
    expect(kept).not.toBe(lost);
    const next = (await use(sandbox, kept)).refresh_token;
    expect(next).toEqual(expect.any(String));
    expect((await use(sandbox, first)).error).toBe('invalid_grant');
    expect((await use(sandbox, next)).error).toBe('invalid_grant');
  });

  it('accepts the old token only for a limited time', async () => {
    const sandbox = await sandboxForTest({ now });
    const first = grantOf(sandbox, waiting).refresh_token;
    await use(sandbox, first);
    clock += waiting.seconds * 1000 + 1;
    expect((await use(sandbox, first)).error).toBe('invalid_grant');
  });
});

it('R4.2 a provider without rotation keeps the refresh token', async () => {
  const sandbox = await sandboxForTest();
  const first = grantOf(sandbox, { mode: 'none' }).refresh_token;
  for (const _ of [1, 2, 3]) {
    const answer = await use(sandbox, first);
    expect(answer.access_token).toEqual(expect.any(String));
    expect(answer.refresh_token).toBeUndefined();
  }
});
