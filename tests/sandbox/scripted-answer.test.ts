import { once } from 'node:events';
import type { LedgerEntry } from '../../src/sandbox/ledger';
import type { ScriptedAnswer } from '../../src/sandbox/scripted-answer';
import type { Sandbox } from '../../src/sandbox/server';
import { accessTokenOf, refresh, sandboxForTest, stopSandboxes } from './_token-client';

let sandbox: Sandbox;
let refreshToken: string;

beforeEach(async () => {
  sandbox = await sandboxForTest();
  refreshToken = sandbox.issueGrant({ provider: 'ebay', subject: 'shop' }).refresh_token;
});

afterEach(stopSandboxes);

const events = () => sandbox.ledger.map(({ event }) => event);

/** Resolves at the next event with this name. */
function next(event: LedgerEntry['event']): Promise<unknown> {
  const target = new EventTarget();
  const off = sandbox.on(event, () => {
    off();
    target.dispatchEvent(new Event('seen'));
  });
  return once(target, 'seen');
}

/**
 * Returns the message that a promise is rejected with. It handles the rejection at once, so the result may be awaited
 * later.
 */
async function failureOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'no failure',
    (error: Error) => error.message,
  );
}

const status = (code: number): ScriptedAnswer => ({ kind: 'respond', status: code, body: '' });

describe('a scripted answer', () => {
  it('drops the connection after the commit, without a response', async () => {
    sandbox.script({ answer: { kind: 'drop', at: 'after_commit' } });
    await expect(refresh(sandbox, refreshToken)).rejects.toThrow('fetch failed');
    expect(events()).toEqual(['received', 'committed', 'dropped']);
    expect(sandbox.ledger[2]).toMatchObject({ outcome: 'scripted', scripted: 'drop' });
  });

  it('drops the connection before the commit, without a new grant', async () => {
    sandbox.script({ answer: { kind: 'drop', at: 'before_commit' } });
    await expect(refresh(sandbox, refreshToken)).rejects.toThrow('fetch failed');
    expect(events()).toEqual(['received', 'dropped']);
  });

  it('hangs until the sandbox stops, and does not delay the stop', async () => {
    sandbox.script({ answer: { kind: 'hang', commit: true } });
    const committed = next('committed');
    const pending = failureOf(refresh(sandbox, refreshToken));
    await committed;
    await sandbox.stop();
    expect(await pending).toBe('fetch failed');
    expect(events()).toEqual(['received', 'committed', 'dropped']);
    expect(sandbox.ledger[2]).toMatchObject({ outcome: 'stopped', scripted: 'hang' });
  });

  it('records that a client gave up on a hanging request', async () => {
    sandbox.script({ answer: { kind: 'hang' } });
    const [received, dropped] = [next('received'), next('dropped')];
    const impatience = new AbortController();
    const pending = failureOf(refresh(sandbox, refreshToken, {}, impatience.signal));
    await received;
    impatience.abort();
    expect(await pending).toContain('aborted');
    await dropped;
    expect(sandbox.ledger.at(-1)).toMatchObject({ event: 'dropped', outcome: 'client_gone' });
  });

  it.each(['before_commit', 'after_commit'] as const)(
    'delays the true response %s',
    async (delayAt) => {
      sandbox.script({ answer: { kind: 'normal', delayMs: 2_000, delayAt } });
      const response = await refresh(sandbox, refreshToken);
      expect(await response.json()).toMatchObject({ expires_in: 7200 });
      const [received, committed, answered] = sandbox.ledger.map(({ at }) => at);
      const waits = [(committed ?? 0) - (received ?? 0), (answered ?? 0) - (committed ?? 0)];
      const [delayed, prompt] = delayAt === 'before_commit' ? waits : waits.toReversed();
      expect(delayed).toBeGreaterThan(1_900);
      expect(prompt).toBeLessThan(delayed ?? 0);
    },
  );

  it.each(['before_commit', 'after_commit'] as const)(
    'holds the true response %s until it is released',
    async (delayAt) => {
      const held = next(delayAt === 'before_commit' ? 'received' : 'committed');
      let letGo = () => {};
      const until = new Promise<void>((resolve) => {
        letGo = resolve;
      });
      sandbox.script({ answer: { kind: 'normal', delayMs: 60_000, delayAt, until } });
      const response = refresh(sandbox, refreshToken);
      await held;
      expect(events().at(-1)).toBe(delayAt === 'before_commit' ? 'received' : 'committed');
      letGo();
      expect(await (await response).json()).toMatchObject({ expires_in: 7200 });
    },
  );

  it('ends at once if the sandbox stops during a delay', async () => {
    sandbox.script({ answer: { kind: 'normal', delayMs: 60_000 } });
    const committed = next('committed');
    const pending = failureOf(refresh(sandbox, refreshToken));
    await committed;
    await sandbox.stop();
    expect(await pending).toBe('fetch failed');
  });

  it('throttles with the body of the gateway and Retry-After as given', async () => {
    sandbox.script({ answer: { kind: 'rate_limited', retryAfter: '-1' } });
    const response = await refresh(sandbox, refreshToken);
    expect(response.status).toBe(429);
    expect(response.headers.get('retry-after')).toBe('-1');
    expect(await response.json()).toMatchObject({ errors: [{ errorId: 2001 }] });
    expect(events()).toEqual(['received', 'answered']);
  });

  it('is a 503 in HTML', async () => {
    sandbox.script({ answer: { kind: 'unavailable' } });
    const response = await refresh(sandbox, refreshToken);
    expect(response.status).toBe(503);
    expect(response.headers.get('content-type')).toBe('text/html');
    expect(await response.text()).toContain('<html>');
  });

  const committing: [name: string, answer: ScriptedAnswer, expected: string[]][] = [
    [
      'a 500 that committed',
      { kind: 'respond', status: 500, body: '', commit: true },
      ['committed'],
    ],
    ['a 500 that did not', { kind: 'respond', status: 500, body: '' }, []],
    ['a 503 that committed', { kind: 'unavailable', commit: true }, ['committed']],
    ['an unexpected 200, which commits', { kind: 'odd_success', body: 'OK' }, ['committed']],
    ['an unexpected 200 without a commit', { kind: 'odd_success', body: 'OK', commit: false }, []],
  ];

  it.each(committing)('can be %s', async (_name, answer, expected) => {
    sandbox.script({ answer });
    await (await refresh(sandbox, refreshToken)).text();
    expect(events()).toEqual(['received', ...expected, 'answered']);
    expect(sandbox.ledger.at(-1)).toMatchObject({ outcome: 'scripted', scripted: answer.kind });
  });

  it('can change the true response, which contains the new token', async () => {
    sandbox.script({
      answer: {
        kind: 'odd_success',
        body: (granted) => JSON.stringify({ ...granted, expires_in: 'soon' }),
      },
    });
    const response = await refresh(sandbox, refreshToken);
    expect(await response.clone().json()).toMatchObject({
      expires_in: 'soon',
      token_type: 'User Access Token',
    });
    expect(sandbox.isAccessTokenActive(await accessTokenOf(response))).toBe(true);
  });

  it('never commits an invalid request', async () => {
    sandbox.script({ answer: { kind: 'odd_success', body: String } });
    const response = await refresh(sandbox, 'v^1.1#unknown');
    expect(await response.text()).toBe('undefined');
    expect(events()).toEqual(['received', 'answered']);
  });

  it('replaces the common headers', async () => {
    sandbox.script({
      answer: {
        kind: 'respond',
        status: 302,
        body: '',
        headers: { Location: '/elsewhere', 'X-Request-Id': 'none' },
      },
    });
    const response = await fetch(sandbox.tokenEndpoint('ebay'), {
      method: 'POST',
      redirect: 'manual',
    });
    expect(response.status).toBe(302);
    expect(response.headers.get('location')).toBe('/elsewhere');
    expect(response.headers.get('x-request-id')).toBe('none');
  });
});

describe('a script', () => {
  it('applies its rules in order, for their subject only, as often as given', async () => {
    const other = sandbox.issueGrant({ provider: 'ebay', subject: 'other' }).refresh_token;
    sandbox.script({ subject: 'shop', times: 2, answer: status(501) });
    sandbox.script({ answer: status(502) });

    const statuses: number[] = [];
    for (const token of [refreshToken, other, refreshToken, refreshToken, other]) {
      const response = await refresh(sandbox, token);
      await response.text();
      statuses.push(response.status);
    }

    expect(statuses).toEqual([501, 502, 501, 200, 200]);
  });

  it('can cause an outage that lasts until the rule is removed', async () => {
    const recover = sandbox.script({ times: Infinity, answer: { kind: 'unavailable' } });
    expect((await refresh(sandbox, refreshToken)).status).toBe(503);
    expect((await refresh(sandbox, refreshToken)).status).toBe(503);
    recover();
    expect((await refresh(sandbox, refreshToken)).status).toBe(200);
  });

  it('applies to the current request if a received listener adds it', async () => {
    sandbox.on('received', () => sandbox.script({ answer: { kind: 'unavailable' } }));
    expect((await refresh(sandbox, refreshToken)).status).toBe(503);
  });
});
