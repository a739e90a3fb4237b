/**
 * Refusals as authorization servers really word them: a failure of one account affects only that account, and
 * other accounts are refreshed as before. Tests that wait for tokens to expire run concurrently, each with a separate
 * provider.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { eventually } from '../support/eventually';
import { newToken, refusal, type Script, tokens } from './_authorization-server';
import { accountBecomes, type Product, startProduct } from './_product';

/** Life, in seconds, of a healthy account's tokens: short, so that it has to be refreshed again while a test runs. */
const SHORT_LIFE = 6;
/** Sweeps are started this often, in ms. */
const SWEEP_EVERY_MS = 500;
const LONG_MS = 120_000;

const quick = { jitter: 'none', refreshBefore: '3s', backOff: { first: '1s', max: '1s' } };

let product: Product;
beforeAll(async () => {
  product = await startProduct({
    named: {
      ...quick,
      errorCodes: {
        BAD_REFRESH_TOKEN: 'invalid_grant',
        token_dead: 'invalid_grant',
        'keymanagement.service.invalid_refresh_token': 'invalid_grant',
        'Invalid refresh token': 'invalid_grant',
      },
    },
    unnamed: quick,
    usual: quick,
    'in-words': quick,
    alone: quick,
    credentials: quick,
    looping: { ...quick, adapter: 'microsoft' },
    early: { jitter: 'none', refreshBefore: '10s', backOff: { first: '1s', max: '1s' } },
  });
}, LONG_MS);
afterAll(() => product?.stop());

/** Connects an account, due at once, whose refresh gets this answer. */
async function connect(provider: string, answer: Script): Promise<any> {
  const refreshToken = newToken('rt');
  product.server.script(refreshToken, answer);
  const account = await product.connect({ provider, refresh_token: refreshToken });
  return { ...account, refreshToken };
}

/** An account whose token lives shortly, and how often the server refreshed it. */
async function connectHealthy(provider: string): Promise<{ id: string; served: () => number }> {
  let served = 0;
  const { id } = await connect(provider, () => {
    served += 1;
    return tokens({ expires_in: SHORT_LIFE });
  });
  expect(await product.refresh(id)).toMatchObject({ outcome: 'refreshed' });
  return { id, served: () => served };
}

/**
 * Starts sweep after sweep until the healthy account was refreshed three more times, and looks at it before each.
 * @returns the statuses that it had
 */
async function sweepBeside(
  provider: string,
  { id, served }: { id: string; served: () => number },
): Promise<string[]> {
  const statuses = new Set<string>();
  const deadline = Date.now() + 6 * SHORT_LIFE * 1000;
  for (const until = served() + 3; served() < until && Date.now() < deadline; ) {
    await product.startSweep(provider);
    await delay(SWEEP_EVERY_MS);
    statuses.add((await product.account(id)).status);
  }
  return [...statuses].toSorted();
}

/** A short-lived token may be seen in either of these states, and at some moments in one of them only. */
function expectAlive(statuses: string[]): void {
  expect(statuses.length).toBeGreaterThan(0);
  for (const status of statuses) expect(['expiring_soon', 'ok']).toContain(status);
}

/** The words of a refusal without a string `error`, each with the word that a configuration would name. */
const WITHOUT_ERROR: [string, string, object][] = [
  [
    'a status word',
    'BAD_REFRESH_TOKEN',
    {
      status: 'BAD_REFRESH_TOKEN',
      message: 'missing or invalid refresh token',
      correlationId: '0',
    },
  ],
  ['an error that is an object', 'token_dead', { error: { code: 'token_dead', message: 'gone' } }],
  ['a list of errors', 'token_dead', { errors: [{ code: 'token_dead', message: 'gone' }] }],
  ['a code beside a message', 'token_dead', { code: 'token_dead', message: 'gone' }],
  [
    'a fault',
    'keymanagement.service.invalid_refresh_token',
    {
      fault: {
        faultstring: 'Invalid refresh token',
        detail: { errorcode: 'keymanagement.service.invalid_refresh_token' },
      },
    },
  ],
];

describe('a refusal without an OAuth error code', () => {
  it.each(WITHOUT_ERROR)('with %s matches errorCodes', async (_name, word, body) => {
    await product.h.closeCircuits();
    const { id } = await connect('named', refusal(400, body));
    const outcome = await product.refresh(id);
    expect(outcome).toMatchObject({
      outcome: 'failed',
      failure: { code: 'invalid_grant', detail: expect.stringContaining(word) },
    });
    expect((await product.account(id)).status).toBe('needs_reconnect');
  });

  it.each(WITHOUT_ERROR)('with %s is quoted if no entry matches it', async (_name, word, body) => {
    await product.h.closeCircuits();
    const { id } = await connect('unnamed', refusal(400, body));
    const { failure } = await product.refresh(id);
    expect(failure.detail).toContain(word);
    expect((await product.newestEntry(id)).error.detail).toContain(word);
    expect((await product.account(id)).last_error.detail).toContain(word);
  });

  it.concurrent.each(['named', 'unnamed'])(
    'to six accounts does not affect a healthy one (%s)',
    async (provider) => {
      await product.h.closeCircuits();
      const before = await product.incidentsOf(provider);
      const healthy = await connectHealthy(provider);
      const [[, , body]] = WITHOUT_ERROR as [[string, string, object]];
      const dead = [];
      for (let n = 0; n < 6; n += 1) dead.push(await connect(provider, refusal(400, body)));
      expectAlive(await sweepBeside(provider, healthy));
      expect(await product.incidentsOf(provider)).toEqual(before);
      if (provider === 'named')
        for (const { id } of dead)
          await accountBecomes(product, id, ({ status }) => status === 'needs_reconnect');
    },
    LONG_MS,
  );
});

it(
  'a refusal with a standard code to six accounts does not affect a healthy one',
  async () => {
    const healthy = await connectHealthy('usual');
    for (let n = 0; n < 6; n += 1) await connect('usual', refusal(400, { error: 'invalid_grant' }));
    expectAlive(await sweepBeside('usual', healthy));
    expect(await product.incidentsOf('usual')).toEqual([]);
  },
  LONG_MS,
);

describe("an account's refusal with an error about the app", () => {
  it.concurrent(
    'counts for the account if its text calls the refresh token invalid, and the app has no incident',
    async () => {
      const answers = [
        refusal(403, {
          error: 'unauthorized_client',
          error_description: 'refresh_token is invalid',
        }),
        refusal(400, { error: 'invalid_request', error_description: 'Refresh token is invalid' }),
        refusal(403, {
          error: 'unauthorized_client',
          error_description: 'refresh_token is invalid',
        }),
      ];
      const dead: any[] = [];
      for (const answer of answers) dead.push(await connect('in-words', answer));
      // The app is not proven yet: the first answer that it gets is a refusal.
      await product.startSweep('in-words');
      for (const { id } of dead)
        await accountBecomes(product, id, ({ status }) => status === 'needs_reconnect');
      const healthy = await connectHealthy('in-words');
      expectAlive(await sweepBeside('in-words', healthy));
      for (const { id } of dead) {
        await eventually(async () =>
          (await product.eventsOf(id)).includes('account.needs_reconnect'),
        );
        expect((await product.account(id)).last_error).toMatchObject({ code: 'invalid_grant' });
      }
      expect(await product.incidentsOf('in-words')).toEqual([]);
    },
    LONG_MS,
  );

  it.concurrent(
    'makes it need a reconnect if it lasts minutes while other accounts are served',
    async () => {
      const healthy = await connectHealthy('alone');
      const dead: any[] = [];
      for (let n = 0; n < 3; n += 1) {
        const body = { error: 'unauthorized_client', error_description: 'the grant is gone' };
        const account = await connect('alone', refusal(401, body));
        expect(await product.refresh(account.id)).toMatchObject({
          failure: { code: 'unauthorized_client' },
        });
        expect((await product.account(account.id)).status).not.toBe('needs_reconnect');
        dead.push(account);
      }
      await product.h.backdateRefusals(dead.map(({ id }) => id));
      expectAlive(await sweepBeside('alone', healthy));
      for (const { id } of dead) {
        await accountBecomes(product, id, ({ status }) => status === 'needs_reconnect');
        await eventually(async () =>
          (await product.eventsOf(id)).includes('account.needs_reconnect'),
        );
      }
      expect(await product.incidentsOf('alone')).toEqual([]);
    },
    LONG_MS,
  );

  it('counts for the app if its text calls the credentials invalid, and is quoted in the status of the app', async () => {
    const words = 'Invalid client or Invalid client credentials';
    let isRefused = false;
    let refusals = 0;
    const body = { error: 'unauthorized_client', error_description: words };
    // No request is refused before both are in flight: the first refusal holds back the other accounts.
    const answer = async () => {
      if (!isRefused) return tokens({ expires_in: 3600 });
      refusals += 1;
      await eventually(() => Promise.resolve(refusals === 2));
      return refusal(401, body);
    };
    // An account that was never served proves nothing about the app, and words of one account are not quoted.
    const ids: string[] = [];
    for (let n = 0; n < 2; n += 1) {
      const { id } = await connect('credentials', answer);
      expect(await product.refresh(id)).toMatchObject({ outcome: 'refreshed' });
      ids.push(id);
    }
    isRefused = true;
    const [first, second] = await Promise.all(ids.map((id) => product.refresh(id)));
    for (const { failure } of [first, second])
      expect(failure).toMatchObject({
        class: 'app',
        message: expect.stringMatching(/credentials/i),
      });
    for (const id of ids) expect((await product.account(id)).status).not.toBe('needs_reconnect');
    await eventually(async () => (await product.incidentsOf('credentials')).length === 1);
    await eventually(async () => JSON.stringify(await product.status()).includes(words));
  });
});

describe('the loop detection of Microsoft', () => {
  it('makes an account wait, and Evergrant uses its refresh token again afterwards', async () => {
    let asked = 0;
    const description =
      'AADSTS50196: The server terminated an operation because it encountered a client request loop.';
    const { id, refreshToken } = await connect('looping', () => {
      asked += 1;
      return asked > 1
        ? tokens({ expires_in: 3600 })
        : {
            ...refusal(400, {
              error: 'invalid_grant',
              error_description: description,
              error_codes: [50196],
            }),
            headers: { 'retry-after': '1' },
          };
    });
    const outcome = await product.refresh(id);
    const [entry] = (await product.h.entries(id)).toReversed();
    expect(entry).toMatchObject({ outcome: 'throttled', error: { code: 'rate_limited' } });
    // Either the same refresh has waited for it, or a later one will.
    if (outcome.outcome !== 'refreshed')
      await eventually(async () => (await product.refresh(id)).outcome === 'refreshed');
    expect((await product.account(id)).status).toBe('ok');
    const outcomes = (await product.h.entries(id)).map((one) => one.outcome);
    expect(outcomes).not.toContain('rejected');
    const sent = product.server.presented.filter((one) => one.refreshToken === refreshToken);
    expect(sent.length).toBeGreaterThan(1);
  });
});

describe('a server that refuses a refresh while the access token lives', () => {
  const ACCOUNTS = 7;
  const LIFE = 20;
  /** Seconds after a refresh for which the next one is refused. */
  const TOO_EARLY = 17;

  it(
    'gets the next request near the expiry of each token, and no account waits for an incident',
    async () => {
      const body = {
        error: 'access_denied',
        error_description: 'Rate limit exceeded: access_token not expired',
      };
      const accounts: { id: string; grantedAt: number[]; refusals: number }[] = [];
      for (let n = 0; n < ACCOUNTS; n += 1) {
        const served = { id: '', grantedAt: [] as number[], refusals: 0 };
        const { id } = await connect('early', () => {
          const last = served.grantedAt.at(-1) ?? 0;
          if (Date.now() - last < TOO_EARLY * 1000) {
            served.refusals += 1;
            return refusal(400, body);
          }
          served.grantedAt.push(Date.now());
          return tokens({ expires_in: LIFE });
        });
        accounts.push(Object.assign(served, { id }));
      }
      const deadline = Date.now() + 3 * LIFE * 1000;
      while (accounts.some(({ grantedAt }) => grantedAt.length < 2) && Date.now() < deadline) {
        await product.startSweep('early');
        await delay(SWEEP_EVERY_MS);
      }
      expect(accounts.map(({ refusals }) => refusals > 0)).toEqual(Array(ACCOUNTS).fill(true));
      // A new token comes a few seconds after the server would give one, at about the end of the old one.
      for (const { id, grantedAt } of accounts) {
        const [first = 0, second = Number.POSITIVE_INFINITY] = grantedAt;
        expect((second - first) / 1000).toBeLessThan(LIFE + 5);
        expect((await product.account(id)).status).toMatch(/^(ok|expiring_soon)$/);
      }
      expect(await product.incidentsOf('early')).toEqual([]);
    },
    2 * LONG_MS,
  );
});
