/**
 * F12, F14, F15: unusual provider responses through the whole product: a refresh token in a 2xx is kept whatever
 * surrounds it, a 5xx has an unknown outcome whether or not the provider acted, and a refusal affects only the party it
 * concerns. (tests/providers covers how each response is read.)
 */
import { type Harness, startHarness } from '../support/harness';
import { PROVIDERS } from './_lab';
import { broken, checkPromises } from './_promises';
import { report } from './_report';

let h: Harness;
let key: string;
beforeAll(async () => {
  h = await startHarness({ providers: PROVIDERS });
  key = await h.key();
});
afterAll(() => h?.stop());

type Granted = Record<string, unknown>;
const text = (value: unknown) => JSON.stringify(value);

/** Derived from the true response of a strict provider, the only place where the new token exists. */
const ODD: Record<string, (granted: Granted) => string> = {
  'a byte order mark': (granted) => `\uFEFF${text(granted)}`,
  'an array': (granted) => text([granted]),
  'an error beside it': (granted) => text({ ...granted, error: 'invalid_grant' }),
  'no token_type': (granted) => text({ ...granted, token_type: undefined }),
  'an unknown token_type': (granted) => text({ ...granted, token_type: 'mac' }),
  'no expires_in': (granted) => text({ ...granted, expires_in: undefined }),
  'expires_in "3600"': (granted) => text({ ...granted, expires_in: '3600' }),
  'expires_in "1h"': (granted) => text({ ...granted, expires_in: '1h' }),
  'expires_in -5': (granted) => text({ ...granted, expires_in: -5 }),
  'expires_in 1e20': (granted) => text({ ...granted, expires_in: 1e20 }),
  'duplicate members': (granted) => `{"refresh_token":"old",${text(granted).slice(1)}`,
  'a member __proto__': (granted) => `{"__proto__":{"refresh_token":"x"},${text(granted).slice(1)}`,
  'cut off after the tokens': (granted) => {
    const { access_token, refresh_token } = granted;
    return `{"refresh_token":${text(refresh_token)},"access_token":${text(access_token)},"exp`;
  },
  'a megabyte after the tokens': (granted) => text({ ...granted, padding: 'x'.repeat(1 << 20) }),
  'labelled as HTML': (granted) => text(granted),
};

it('F14 R2.2 every refresh token in an unexpected 2xx is stored, with a valid expiry', async () => {
  const ids: string[] = [];
  for (const [what, body] of Object.entries(ODD)) {
    const { id } = await h.addAccount({
      provider: 'strict',
      dialect: 'etsy',
      expiresInMs: 9 * 60_000,
    });
    h.sandbox.script({
      subject: id,
      answer: {
        kind: 'odd_success',
        body: (granted = {}) => body(granted),
        ...(what === 'labelled as HTML' ? { contentType: 'text/html' } : {}),
      },
    });
    ids.push(id);
  }
  const answers = await Promise.all(
    ids.map((id) => h.request(key, 'POST', `/api/admin/accounts/${id}/refresh`, { force: true })),
  );
  const tally = await checkPromises(h, ids);
  report({
    id: 'F14',
    fault: 'an unexpected 200 with a rotated refresh token',
    n: ids.length,
    hits: {},
    lost: tally.rotationsLost,
    seed: 0,
    note: Object.keys(ODD).join('; '),
  });
  expect(answers.map(({ body }) => body.outcome)).toEqual(ids.map(() => 'refreshed'));
  for (const id of ids) {
    const { current } = await h.account(id);
    expect(Date.parse(current.expiresAt ?? '')).toBeGreaterThan(Date.now() - 60_000);
  }
  expect(broken(tally)).toEqual([]);
  expect(tally).toMatchObject({ rotations: ids.length, rotationsLost: 0, familiesLost: 0 });
});

it.each([true, false])(
  'F12 a 500 (the provider had acted: %s) has an unknown outcome, and one replay recovers it',
  async (commit) => {
    const ids: string[] = [];
    // One more in a row would count as an outage, and the replays as its probes.
    for (let n = 0; n < 4; n += 1) {
      const { id } = await h.addAccount({
        provider: 'until-used',
        dialect: 'shopify',
        rotation: { mode: 'until_successor_used', seconds: 3600 },
        expiresInMs: 9 * 60_000,
      });
      h.sandbox.script({ subject: id, answer: { kind: 'respond', status: 500, body: '', commit } });
      ids.push(id);
    }
    await Promise.all(
      ids.map((id) => h.request(key, 'POST', `/api/admin/accounts/${id}/refresh`, { force: true })),
    );
    await Promise.all(
      ids.map((id) => h.client.workflow.getHandle(`refresh-account/${id}`).result()),
    );
    const tally = await checkPromises(h, ids);
    report({
      id: 'F12',
      fault: `500 ${commit ? 'after' : 'before'} the provider's commit`,
      n: ids.length,
      hits: {},
      lost: tally.familiesLost,
      seed: 0,
      note: `replays ${tally.presented - ids.length}`,
    });
    expect(tally).toMatchObject({ presented: 2 * ids.length, familiesLost: 0 });
    expect(tally.unexplainedReplays).toBe(0);
    for (const id of ids) {
      expect((await h.entries(id)).map(({ outcome }) => outcome)).toEqual(['ok', 'unknown']);
    }
  },
);

/** Status, body, and the expected state of the account. */
const REFUSALS: [number, string, string][] = [
  [400, '{"error":"invalid_grant"}', 'needs_reconnect'],
  [401, '{"error":"invalid_client"}', 'active'],
  [400, '{"error":"unauthorized_client"}', 'active'],
  [400, '{"error":"invalid_scope"}', 'active'],
  [400, '{"error":"a word of tomorrow"}', 'active'],
  [403, '<html><body>Request blocked</body></html>', 'active'],
];

it('F15 a refusal affects only the party it concerns, and only invalid_grant concerns the account', async () => {
  const states: string[] = [];
  for (const [status, body] of REFUSALS) {
    const { id } = await h.addAccount({ provider: 'none', dialect: 'ebay', expiresInMs: 60_000 });
    h.sandbox.script({ subject: id, answer: { kind: 'respond', status, body } });
    await h.request(key, 'POST', `/api/admin/accounts/${id}/refresh`, { force: true });
    states.push((await h.account(id)).state);
    // A response that proves nothing is retried a second later.
    const refused = (await h.entries(id)).filter(({ error }) => error !== null);
    expect(refused).toHaveLength(1);
    await h.closeCircuits();
  }
  const wrong = REFUSALS.filter(([, , expected], n) => states[n] !== expected).length;
  report({
    id: 'F15',
    fault: '4xx: OAuth errors, and the page of a firewall',
    n: REFUSALS.length,
    hits: {},
    lost: wrong,
    seed: 0,
    note: `wrong verdicts ${wrong}`,
  });
  expect(states).toEqual(REFUSALS.map(([, , expected]) => expected));
});
