/**
 * A dozen connected accounts in varied states, for a first run without any provider: what each shows
 * after a few minutes is what its label says.
 */
import type { GrantInput } from './authorization-server';
import type { SandboxProvider } from './dialect';
import type { Sandbox } from './server';

/** An account to be stored, with its tokens in plain text: whoever stores it seals them. */
export interface DemoAccount {
  organisation: string;
  provider: SandboxProvider;
  environment: 'production' | 'sandbox';
  external_id: string;
  label: string;
  kind: string;
  scopes: string[];
  access_token: string;
  refresh_token: string;
  expires_at: Date;
  last_refreshed_at: Date;
  /** What to spoil while storing: a ciphertext that does not open, or tokens stored unsealed. */
  fault?: 'corrupt_row' | 'legacy_plaintext';
}

interface DemoState {
  shop: string;
  state: string;
  organisation?: string;
  environment?: DemoAccount['environment'];
  /** When the access token ends, from now; absent: a whole life of the sandbox's own. */
  expiresInMinutes?: number;
  /** Absent: one life of two hours before it ends, or now for a fresh token. */
  refreshedMinutesAgo?: number;
  /** What happens to the grant after the consent. */
  fate?: 'revoked' | 'odd_refresh_token';
  fault?: DemoAccount['fault'];
}

const LIFE_MINUTES = 120;

const STATES: readonly DemoState[] = [
  { shop: 'Lantern Lane', state: 'fresh' },
  { shop: 'Copper Kettle', state: 'fresh' },
  { shop: 'Harbour Books', state: 'expiring in 8 min', expiresInMinutes: 8 },
  { shop: 'Juniper Crafts', state: 'expiring in 3 min', expiresInMinutes: 3 },
  { shop: 'Meadow Bikes', state: 'expired 20 min ago', expiresInMinutes: -20 },
  { shop: 'Old Mill Records', state: 'expired yesterday', expiresInMinutes: -26 * 60 },
  {
    shop: 'Quarry Tools',
    state: 'refreshed 90 min ago, expiry far',
    expiresInMinutes: 6 * 60,
    refreshedMinutesAgo: 90,
  },
  { shop: 'Saffron Spices', state: 'revoked at eBay', expiresInMinutes: 6, fate: 'revoked' },
  { shop: 'Tidewater Toys', state: 'corrupt row', expiresInMinutes: 5, fault: 'corrupt_row' },
  {
    shop: 'Umber Antiques',
    state: 'refresh token of an odd shape',
    expiresInMinutes: 7,
    fate: 'odd_refresh_token',
  },
  {
    shop: 'Acme Outlet',
    state: 'another organisation, expiring in 12 min',
    organisation: 'acme',
    expiresInMinutes: 12,
  },
  {
    shop: 'Willow Test Seller',
    state: 'eBay sandbox, expiring in 10 min',
    environment: 'sandbox',
    expiresInMinutes: 10,
  },
];

/**
 * Has the sandbox issue the grants of twelve demo accounts and revoke one. Each call issues new ones.
 *
 * The odd refresh token has the shape of eBay's older Auth'n'Auth tokens, a usual mix-up; no grant of the
 * sandbox has it, so it is refused as an unknown token is.
 */
export function demoAccounts(
  sandbox: Pick<Sandbox, 'issueGrant' | 'revoke'>,
  now: Date,
): DemoAccount[] {
  return STATES.map((state) => {
    const externalId = state.shop.toLowerCase().replaceAll(' ', '_');
    const expiresAt =
      state.expiresInMinutes === undefined ? undefined : minutesFrom(now, state.expiresInMinutes);
    const input: GrantInput = { subject: externalId, ...(expiresAt && { expiresAt }) };
    const grant = sandbox.issueGrant({ provider: 'ebay', ...input });
    if (state.fate === 'revoked') sandbox.revoke(grant.refresh_token);
    const refreshedMinutesAgo =
      state.refreshedMinutesAgo ?? LIFE_MINUTES - (state.expiresInMinutes ?? LIFE_MINUTES);
    return {
      organisation: state.organisation ?? 'default',
      provider: 'ebay',
      environment: state.environment ?? 'production',
      external_id: externalId,
      label: `${state.shop} – ${state.state}`,
      kind: 'seller',
      scopes: grant.scopes,
      access_token: grant.access_token,
      refresh_token:
        state.fate === 'odd_refresh_token'
          ? `AgAAAA**AQAAAA**aAAAAA**${externalId}`
          : grant.refresh_token,
      expires_at: new Date(grant.expires_at),
      last_refreshed_at: minutesFrom(now, -refreshedMinutesAgo),
      ...(state.fault && { fault: state.fault }),
    };
  });
}

function minutesFrom(instant: Date, minutes: number): Date {
  return new Date(instant.getTime() + minutes * 60_000);
}
