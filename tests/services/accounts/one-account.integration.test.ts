/** Never two accounts for one identity, and never one rotating refresh token in two accounts, for any input. */
import { randomUUID } from 'node:crypto';
import * as fc from 'fast-check';
import { type AccountLine } from '../../../src/services/accounts/account-lines';
import { EarlierLines } from '../../../src/services/accounts/earlier-lines';
import { importLines } from '../../../src/services/accounts/import-lines';
import { NewAccountBody, newAccount } from '../../../src/services/accounts/new-account';
import { AccountExistsError, RefreshTokenHeldError } from '../../../src/store/accounts/accounts';
import { type Harness, startHarness } from '../../support/harness';

let h: Harness;
beforeAll(async () => {
  h = await startHarness({ worker: false, providers: ['shopify', 'etsy'] });
});
afterAll(() => h?.stop());

const deps = () => ({
  store: h.store,
  vault: h.vault,
  providers: h.providers,
  now: () => new Date(),
});

/** One identity in any spelling. */
const spelled = fc
  .tuple(
    fc.constantFrom('lantern', 'müller', 'ámber'),
    fc.constantFrom('', ' ', '\u00A0'),
    fc.boolean(),
    fc.boolean(),
  )
  .map(([name, blank, inCapitals, decomposed]) => {
    const shop = name === 'lantern';
    const id = shop ? `${name}.myshopify.com` : name;
    const written = decomposed ? id.normalize('NFD') : id;
    return {
      provider: shop ? 'shopify' : 'etsy',
      external_id: blank + (shop && inCapitals ? written.toUpperCase() : written) + blank,
      identity: id.normalize('NFC'),
    };
  });

const line = fc.record({
  who: spelled,
  kind: fc.constantFrom(undefined, 'a', ' a '),
  token: fc.nat({ max: 5 }),
});

const file = fc.record({
  batches: fc.array(fc.array(line, { minLength: 1, maxLength: 6 }), { minLength: 1, maxLength: 3 }),
  quarantine: fc.boolean(),
});

it('one identity stays one account for any spelling, order and batches, with concurrent imports and requests', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(file, { minLength: 1, maxLength: 3 }),
      fc.array(line, { maxLength: 3 }),
      async (files, requests) => {
        const organisation = `org-${randomUUID()}`;
        const members = ({ who, kind, token }: (typeof requests)[number]) => ({
          provider: who.provider,
          external_id: who.external_id,
          kind,
          refresh_token: `1.token-${token}-0123456789`,
        });
        const imports = files.map(async ({ batches, quarantine }) => {
          const earlier = new EarlierLines(h.vault);
          let at = 0;
          for (const batch of batches) {
            const lines = batch.map(
              (one): AccountLine => ({ line: (at += 1), members: members(one) }),
            );
            await importLines(lines, earlier, { organisation, quarantine, dryRun: false }, deps());
          }
        });
        const created = requests.map(async (one) => {
          const { account } = newAccount(NewAccountBody.parse(members(one)), organisation, deps());
          await h.store.accounts.create(account, new Date()).catch((error: unknown) => {
            if (error instanceof AccountExistsError || error instanceof RefreshTokenHeldError)
              return;
            throw error;
          });
        });
        await Promise.all([...imports, ...created]);

        const stored = await h.store.accounts.list({ organisation, limit: 500 });
        const identities = stored.map(({ externalId, kind }) => `${externalId}/${kind ?? ''}`);
        expect(new Set(identities).size).toBe(stored.length);
        const named = new Set(
          [...files.flatMap(({ batches }) => batches.flat()), ...requests].map(
            ({ who, kind }) => `${who.identity}/${kind?.trim() ?? ''}`,
          ),
        );
        for (const identity of identities) expect(named).toContain(identity);
        // Both providers rotate: a token is in one account of each.
        const tokens = stored.map(
          ({ provider, current }) => `${provider}/${current.refreshTokenFingerprint}`,
        );
        expect(new Set(tokens).size).toBe(tokens.length);
      },
    ),
    { numRuns: 60 },
  );
});

it('an import compares a limited number of lines, says where the limit is, and still finds stored accounts', async () => {
  const organisation = `org-${randomUUID()}`;
  const earlier = new EarlierLines(h.vault, 2);
  const lines = ['a', 'b', 'c', 'd', 'c', 'a'].map(
    (id, at): AccountLine => ({
      line: at + 1,
      members: { provider: 'etsy', external_id: id, refresh_token: `1.${id}-${at}-0123456789` },
    }),
  );
  const options = { organisation, quarantine: false, dryRun: false };
  const results = [];
  for (const one of lines) results.push(...(await importLines([one], earlier, options, deps())));
  expect(results.map(({ result, message }) => message ?? result)).toEqual([
    'created',
    'created',
    'created',
    'created',
    'exists',
    'line 1 has the same account with another token',
  ]);
  expect(results.map(({ warnings }) => warnings)).toEqual([
    [],
    [],
    [expect.stringMatching(/from this line on, each line is compared with stored accounts only/)],
    [],
    [],
    [],
  ]);
});
