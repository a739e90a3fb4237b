/**
 * F13: the network fails after the provider has acted: silence before the headers or in the body, a trickle, a reset, a
 * half-closed connection. Every attempt ends by its deadline with an unknown outcome, and is replayed.
 */
import { type Harness, startHarness } from '../support/harness';
import { startTcpProxy, type TcpProxy, type Trouble } from '../support/tcp-proxy';
import { times } from './_lab';
import { broken, checkPromises } from './_promises';
import { report } from './_report';

const EACH = times(1, 10, 'FAULTS_NETWORK');
const GRACE_SECONDS = 60;
/** The deadline of an exchange plus an allowance for a loaded machine; half of the activity's timeout. */
const ENDS_WITHIN_MS = 30_000;
/** Byte positions in a response of the sandbox: in the headers, in each token, and between the tokens. */
const IN_HEADERS = 100;
const IN_BODY = 280;
const BETWEEN_TOKENS = 365;
const IN_REFRESH_TOKEN = 430;

const TROUBLES: Record<string, Trouble> = {
  'silence-before-headers': { kind: 'stall', afterBytes: 0 },
  'silence-in-body': { kind: 'stall', afterBytes: IN_BODY },
  trickle: { kind: 'trickle', everyMs: 200 },
  'reset-before-headers': { kind: 'reset', afterBytes: 0 },
  'reset-in-headers': { kind: 'reset', afterBytes: IN_HEADERS },
  'reset-in-body': { kind: 'reset', afterBytes: IN_BODY },
  'reset-between-tokens': { kind: 'reset', afterBytes: BETWEEN_TOKENS },
  'half-closed-between-tokens': { kind: 'half_close', afterBytes: BETWEEN_TOKENS },
  'reset-in-refresh-token': { kind: 'reset', afterBytes: IN_REFRESH_TOKEN },
  'half-closed-in-body': { kind: 'half_close', afterBytes: IN_BODY },
};

let h: Harness;
const proxies = new Map<string, TcpProxy>();
beforeAll(async () => {
  for (const name of Object.keys(TROUBLES)) proxies.set(name, await startTcpProxy());
  const providers = Object.fromEntries(
    [...proxies].map(([name, proxy]) => [
      name,
      {
        adapter: 'etsy',
        dialect: 'etsy' as const,
        replay: `${GRACE_SECONDS}s`,
        by: (url: string) => proxy.through(url),
      },
    ]),
  );
  h = await startHarness({ providers });
});
afterAll(async () => {
  await h?.stop();
  for (const proxy of proxies.values()) await proxy.stop();
});

it('F13 an attempt with an incomplete response ends by its deadline as unknown, and one replay recovers it', async () => {
  const key = await h.key();
  const ids: string[] = [];
  const waiting = new Map<string, Set<string>>();
  // Each connection keeps its fault; the replay's connection has none.
  h.sandbox.on('received', ({ subject = '' }) => {
    for (const [provider, accounts] of waiting)
      if (accounts.delete(subject) && accounts.size === 0)
        proxies.get(provider)?.trouble({ kind: 'none' });
  });
  const asked: Promise<unknown>[] = [];
  for (const [provider, trouble] of Object.entries(TROUBLES)) {
    proxies.get(provider)?.trouble(trouble);
    const accounts: string[] = [];
    for (let n = 0; n < EACH; n += 1) {
      const { id } = await h.addAccount({
        provider,
        dialect: 'etsy',
        rotation: { mode: 'grace', seconds: GRACE_SECONDS },
        expiresInMs: 9 * 60_000,
      });
      accounts.push(id);
    }
    ids.push(...accounts);
    waiting.set(provider, new Set(accounts));
    for (const id of accounts)
      asked.push(h.request(key, 'POST', `/api/admin/accounts/${id}/refresh`, { force: true }));
  }
  await Promise.all(asked);
  await Promise.all(ids.map((id) => h.client.workflow.getHandle(`refresh-account/${id}`).result()));

  let overruns = 0;
  for (const id of ids) {
    const [first, second] = h.sandbox.ledger.filter(
      ({ event, subject }) => event === 'received' && subject === id,
    );
    if ((second?.at ?? Number.POSITIVE_INFINITY) - (first?.at ?? 0) > ENDS_WITHIN_MS) overruns += 1;
    const outcomes = (await h.entries(id)).map(({ outcome }) => outcome);
    expect(outcomes).toEqual(['ok', 'unknown']);
  }
  const tally = await checkPromises(h, ids);
  report({
    id: 'F13',
    fault: `the provider's response is cut off or delayed (${Object.keys(TROUBLES).join(', ')})`,
    n: ids.length,
    hits: {},
    lost: tally.familiesLost,
    seed: 0,
    note: `ended after their deadline ${overruns}; unexplained replays ${tally.unexplainedReplays}`,
  });
  expect(overruns).toBe(0);
  expect(broken(tally)).toEqual([]);
  expect(tally).toMatchObject({ familiesLost: 0, replays: ids.length });
}, 120_000);
