import { refreshTokenFingerprint } from '../../src/sandbox/ledger';
import { refresh, sandboxForTest, stopSandboxes } from './_token-client';

afterEach(stopSandboxes);

describe('the ledger', () => {
  it('records a refresh as received, committed and answered, in order and with rising timestamps', async () => {
    const sandbox = await sandboxForTest();
    const grant = sandbox.issueGrant({ provider: 'ebay', subject: 'harbour_books' });

    await (await refresh(sandbox, grant.refresh_token)).json();

    const [received, committed, answered] = sandbox.ledger;
    const common = {
      provider: 'ebay',
      subject: 'harbour_books',
      refreshTokenFingerprint: refreshTokenFingerprint(grant.refresh_token),
      requestId: received?.requestId,
      connectionId: received?.connectionId,
    };
    expect(sandbox.ledger).toHaveLength(3);
    expect(received).toEqual({ ...common, event: 'received', sequence: 1, at: expect.any(Number) });
    expect(committed).toMatchObject({ ...common, event: 'committed', outcome: 'minted' });
    expect(answered).toMatchObject({ ...common, event: 'answered', outcome: 'ok', status: 200 });
    const stamps = sandbox.ledger.map(({ at }) => at);
    expect(stamps).toEqual(stamps.toSorted((a, b) => a - b));
  });

  it('calls listeners synchronously until they are removed', async () => {
    const sandbox = await sandboxForTest();
    const grant = sandbox.issueGrant({ provider: 'ebay', subject: 'harbour_books' });
    const seen: string[] = [];
    const off = sandbox.on('received', ({ event }) => {
      seen.push(`${event} at ${sandbox.ledger.length}`);
    });
    sandbox.on('committed', ({ event }) => seen.push(`${event} at ${sandbox.ledger.length}`));
    sandbox.on('answered', ({ event }) => seen.push(`${event} at ${sandbox.ledger.length}`));

    await (await refresh(sandbox, grant.refresh_token)).json();
    off();
    await (await refresh(sandbox, grant.refresh_token)).json();

    expect(seen).toEqual([
      'received at 1',
      'committed at 2',
      'answered at 3',
      'committed at 5',
      'answered at 6',
    ]);
  });

  it('lets a received listener revoke the grant before the request is judged', async () => {
    const sandbox = await sandboxForTest();
    const grant = sandbox.issueGrant({ provider: 'ebay', subject: 'harbour_books' });
    sandbox.on('received', () => sandbox.revoke(grant.refresh_token));
    expect((await refresh(sandbox, grant.refresh_token)).status).toBe(400);
  });

  it('contains no token, and reports an encrypted one that was sent', async () => {
    const sandbox = await sandboxForTest();
    const grant = sandbox.issueGrant({
      provider: 'ebay',
      subject: 'harbour_books',
      secretMarker: 'MARKER',
    });
    await refresh(sandbox, grant.refresh_token);
    await refresh(sandbox, 'ENC:v1:k1:MARKER');

    const text = JSON.stringify(sandbox.ledger);
    expect(text).not.toContain('MARKER');
    expect(text).not.toContain('v^1.1');
    expect(text).not.toContain('ENC:');
    expect(sandbox.ledger.filter((entry) => entry.sealedTokenPresented)).toHaveLength(2);
  });

  it('counts thousands of requests without losing one', async () => {
    const sandbox = await sandboxForTest();
    const grants = Array.from({ length: 20 }, (_, i) =>
      sandbox.issueGrant({ provider: 'ebay', subject: `shop-${i}` }),
    );

    for (let round = 0; round < 100; round += 1) {
      await Promise.all(
        grants.map(async ({ refresh_token }) => (await refresh(sandbox, refresh_token)).json()),
      );
    }

    for (const event of ['received', 'committed', 'answered'] as const) {
      expect(sandbox.ledger.filter((entry) => entry.event === event)).toHaveLength(2000);
    }
    expect(sandbox.ledger.map(({ sequence }) => sequence)).toEqual(
      Array.from({ length: 6000 }, (_, i) => i + 1),
    );
  });
});
