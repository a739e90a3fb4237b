import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { accessTokenOf, refresh, sandboxForTest, stopSandboxes } from './_token-client';

let folder: string;
let stateFile: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'evergrant-sandbox-'));
  stateFile = join(folder, 'nested', 'sandbox.json');
});

afterEach(async () => {
  await stopSandboxes();
  rmSync(folder, { recursive: true });
});

describe('a sandbox with a state file', () => {
  it('knows its grants, their revocations and its access tokens after a restart', async () => {
    const first = await sandboxForTest({ stateFile });
    const alive = first.issueGrant({
      provider: 'ebay',
      subject: 'alive',
      accessTokenLifeSeconds: 77,
      secretMarker: 'MARKER',
    });
    const revoked = first.issueGrant({ provider: 'ebay', subject: 'revoked' });
    first.revoke(revoked.refresh_token);
    const renewed = await accessTokenOf(await refresh(first, alive.refresh_token));
    await first.stop();

    const second = await sandboxForTest({ stateFile });

    const body = await (await refresh(second, alive.refresh_token)).json();
    expect(body).toMatchObject({ expires_in: 77, access_token: expect.stringContaining('MARKER') });
    expect(second.ledger[0]).toMatchObject({ event: 'received', subject: 'alive' });
    expect((await refresh(second, revoked.refresh_token)).status).toBe(400);
    expect(second.isAccessTokenActive(alive.access_token)).toBe(true);
    expect(second.isAccessTokenActive(renewed)).toBe(true);
    expect(second.isAccessTokenActive(revoked.access_token)).toBe(false);
  });

  it('treats grants of another client as unknown', async () => {
    const first = await sandboxForTest({ stateFile, clientId: 'another' });
    const grant = first.issueGrant({ provider: 'ebay', subject: 's' });
    await first.stop();
    const second = await sandboxForTest({ stateFile });
    expect((await refresh(second, grant.refresh_token)).status).toBe(400);
  });

  it('writes one file, without tokens, that only its owner can read', async () => {
    const sandbox = await sandboxForTest({ stateFile });
    const grant = sandbox.issueGrant({ provider: 'ebay', subject: 's' });
    await sandbox.stop();

    expect(statSync(stateFile).mode & 0o777).toBe(0o600);
    expect(readdirSync(join(folder, 'nested'))).toEqual(['sandbox.json']);
    const text = readFileSync(stateFile, 'utf8');
    expect(text).not.toContain('v^1.1');
    expect(text).not.toContain(grant.refresh_token.slice(-20));
  });

  it('does not start on a foreign file', async () => {
    const foreign = join(folder, 'foreign.json');
    writeFileSync(foreign, '{"version": 2}');
    await expect(sandboxForTest({ stateFile: foreign })).rejects.toThrow('is unreadable');
    expect(readFileSync(foreign, 'utf8')).toBe('{"version": 2}');
  });
});
