/** A consent that no account will hold is revoked, unless that would end the grants of other accounts. */
import type { ConnectSession } from '../../../src/domain/connect/connect-session';
import type { RevocationInput } from '../../../src/providers/consent/revocation';
import { revokeDropped } from '../../../src/services/connect/store-consent';
import { grantUntil } from '../../domain/_grants';

const session = {
  id: 'ccs_1',
  organisation: 'org_1',
  accountId: 'acc_1',
  provider: 'it',
  environment: 'production',
  externalId: 'shop-1',
  isReconnect: false,
  pending: { grant: { ...grantUntil(new Date(0)), providerValues: { server: 'a.example' } } },
} as unknown as ConnectSession;

async function revokedWith(otherGrants: 'yes' | 'no' | 'unknown') {
  const revoked: RevocationInput[] = [];
  const fact = { answer: otherGrants, source: null };
  const takesAlong = { accessTokens: fact, otherGrants: fact, installation: fact };
  const revocation = { kind: 'rfc7009', endpoints: {}, effect: '', takesAlong };
  const provider = { revocation, environments: new Map([['production', {}]]) };
  const deps = {
    vault: { openToken: (sealed: string) => sealed },
    providers: { find: () => provider },
    consent: {
      revoke: async (input: RevocationInput) => {
        revoked.push(input);
        return { result: 'revoked', retryAfterMs: 0 };
      },
    },
    logger: { info: () => undefined, warn: () => undefined },
  };
  await revokeDropped(deps as unknown as Parameters<typeof revokeDropped>[0], session);
  return revoked;
}

it.each(['no', 'unknown'] as const)(
  'revokes both tokens at the host of the grant if the effect on other grants is: %s',
  async (answer) => {
    const revoked = await revokedWith(answer);
    expect(revoked.map(({ hint }) => hint)).toEqual(['refresh_token', 'access_token']);
    for (const { externalId, providerValues } of revoked)
      expect([externalId, providerValues]).toEqual(['shop-1', { server: 'a.example' }]);
  },
);

it('revokes nothing if the provider ends other grants of the person with it', async () => {
  expect(await revokedWith('yes')).toEqual([]);
});
