/** Demo accounts of every provider, for a first run without real accounts. Each label describes the account's state. */
import type { GrantInput } from './authorization-server';
import type { Sandbox } from './server';

/** Providers with demo accounts. */
export const DEMO_ACCOUNT_PROVIDERS = ['ebay', 'etsy', 'shopify', 'google'] as const;
export type DemoAccountProvider = (typeof DEMO_ACCOUNT_PROVIDERS)[number];

/** An account with its tokens in plaintext. The caller encrypts them when it stores the account. */
export interface DemoAccount {
  organisation: string;
  provider: DemoAccountProvider;
  environment: 'production' | 'sandbox';
  external_id: string;
  label: string;
  kind: string;
  scopes: string[];
  access_token: string;
  refresh_token: string;
  expires_at: Date;
  last_refreshed_at: Date;
  quarantine: boolean;
  /** The fault to create when storing: a ciphertext that does not open, or unencrypted tokens. */
  fault?: 'corrupt_row' | 'legacy_plaintext';
}

interface DemoState {
  shop: string;
  state: string;
  /** Default: the shop's name in lower case. */
  externalId?: string;
  kind?: string;
  quarantine?: true;
  organisation?: string;
  environment?: DemoAccount['environment'];
  /** Minutes until the access token expires. Default: the sandbox's token lifetime. */
  expiresInMinutes?: number;
  /** Default: one token lifetime before the expiry; for a fresh token, now. */
  refreshedMinutesAgo?: number;
  /** A change of the grant after the consent. */
  fate?: 'revoked' | 'odd_refresh_token';
  fault?: DemoAccount['fault'];
}

/** The token lifetimes of the real providers. */
const LIFE_MINUTES: Record<DemoAccountProvider, number> = {
  ebay: 120,
  etsy: 60,
  shopify: 60,
  google: 60,
};

const EBAY: readonly DemoState[] = [
  { shop: 'Lantern Lane', state: 'fresh' },
  { shop: 'Copper Kettle', state: 'fresh' },
  { shop: 'Harbour Books', state: 'expiring in 8 min', expiresInMinutes: 8 },
  { shop: 'Juniper Crafts', state: 'expiring in 3 min', expiresInMinutes: 3 },
  { shop: 'Meadow Bikes', state: 'expired 20 min ago', expiresInMinutes: -20 },
  { shop: 'Old Mill Records', state: 'expired yesterday', expiresInMinutes: -26 * 60 },
  {
    shop: 'Quarry Tools',
    state: 'refreshed 90 min ago, expires in 6 h',
    expiresInMinutes: 6 * 60,
    refreshedMinutesAgo: 90,
  },
  { shop: 'Saffron Spices', state: 'revoked at eBay', expiresInMinutes: 6, fate: 'revoked' },
  { shop: 'Tidewater Toys', state: 'corrupt row', expiresInMinutes: 5, fault: 'corrupt_row' },
  {
    shop: 'Umber Antiques',
    state: 'malformed refresh token',
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

/** Each refresh rotates the refresh token, and a replay revokes the grant. */
const ETSY: readonly DemoState[] = [
  { shop: 'Fern Pottery', state: 'fresh' },
  { shop: 'Loom and Thread', state: 'expiring in 4 min', expiresInMinutes: 4 },
  { shop: 'Pebble Prints', state: 'expired 2 h ago', expiresInMinutes: -120 },
  { shop: 'Rowan Candles', state: 'revoked at Etsy', expiresInMinutes: 5, fate: 'revoked' },
  {
    shop: 'Wick and Wax',
    state: 'in quarantine, expiring in 9 min',
    expiresInMinutes: 9,
    quarantine: true,
  },
];

const SHOPIFY: readonly DemoState[] = [
  { shop: 'Amber Outfitters', state: 'fresh', externalId: 'amber-outfitters.myshopify.com' },
  {
    shop: 'Birch Supply',
    state: 'expiring in 5 min',
    externalId: 'birch-supply.myshopify.com',
    expiresInMinutes: 5,
  },
  {
    shop: 'Cobalt Cycles',
    state: 'expired an hour ago',
    externalId: 'cobalt-cycles.myshopify.com',
    expiresInMinutes: -60,
  },
  {
    shop: 'Dune Decor',
    state: 'app removed from the shop',
    externalId: 'dune-decor.myshopify.com',
    expiresInMinutes: 5,
    fate: 'revoked',
  },
];

/** Mail connections. The mailbox of one hotel may be connected for both kinds of mail. */
const GOOGLE: readonly DemoState[] = [
  { ...mailbox('Seaview Hotel', 'booking'), state: 'fresh' },
  { ...mailbox('Seaview Hotel', 'stopsale'), state: 'expiring in 7 min', expiresInMinutes: 7 },
  { ...mailbox('Alpine Lodge', 'booking'), state: 'expired 30 min ago', expiresInMinutes: -30 },
  {
    ...mailbox('Alpine Lodge', 'stopsale'),
    state: 'revoked at Google',
    expiresInMinutes: 5,
    fate: 'revoked',
  },
  { ...mailbox('Palm Resort', 'booking'), state: 'expiring in 9 min', expiresInMinutes: 9 },
  {
    ...mailbox('Palm Resort', 'stopsale'),
    state: 'in quarantine, expiring in 6 min',
    expiresInMinutes: 6,
    quarantine: true,
  },
];

const STATES: Record<DemoAccountProvider, readonly DemoState[]> = {
  ebay: EBAY,
  etsy: ETSY,
  shopify: SHOPIFY,
  google: GOOGLE,
};

/**
 * Issues the grants of the demo accounts and revokes some of them. Each call issues new grants.
 *
 * The odd refresh token has the format of eBay's older Auth'n'Auth tokens, a common mistake. No grant has it, so it is
 * refused as unknown.
 */
export function demoAccounts(
  sandbox: Pick<Sandbox, 'issueGrant' | 'revoke'>,
  now: Date,
): DemoAccount[] {
  return DEMO_ACCOUNT_PROVIDERS.flatMap((provider) =>
    STATES[provider].map((state) => demoAccount(provider, state, sandbox, now)),
  );
}

function demoAccount(
  provider: DemoAccountProvider,
  state: DemoState,
  sandbox: Pick<Sandbox, 'issueGrant' | 'revoke'>,
  now: Date,
): DemoAccount {
  const externalId = state.externalId ?? state.shop.toLowerCase().replaceAll(' ', '_');
  const lifeMinutes = LIFE_MINUTES[provider];
  const expiresAt =
    state.expiresInMinutes === undefined ? undefined : minutesFrom(now, state.expiresInMinutes);
  const input: GrantInput = { subject: externalId, ...(expiresAt && { expiresAt }) };
  const grant = sandbox.issueGrant({ provider, ...input });
  if (state.fate === 'revoked') sandbox.revoke(grant.refresh_token);
  const refreshedMinutesAgo =
    state.refreshedMinutesAgo ?? lifeMinutes - (state.expiresInMinutes ?? lifeMinutes);
  return {
    organisation: state.organisation ?? 'default',
    provider,
    environment: state.environment ?? 'production',
    external_id: externalId,
    label: `${state.shop} – ${state.state}`,
    kind: state.kind ?? 'seller',
    scopes: grant.scopes,
    access_token: grant.access_token,
    refresh_token:
      state.fate === 'odd_refresh_token'
        ? `AgAAAA**AQAAAA**aAAAAA**${externalId}`
        : grant.refresh_token,
    expires_at: new Date(grant.expires_at),
    last_refreshed_at: minutesFrom(now, -refreshedMinutesAgo),
    quarantine: state.quarantine ?? false,
    ...(state.fault && { fault: state.fault }),
  };
}

function mailbox(
  hotel: string,
  kind: 'booking' | 'stopsale',
): Pick<DemoState, 'shop' | 'externalId' | 'kind'> {
  const domain = `${hotel.toLowerCase().replaceAll(' ', '-')}.example`;
  return { shop: `${hotel}, ${kind}`, externalId: `reservations@${domain}`, kind };
}

function minutesFrom(instant: Date, minutes: number): Date {
  return new Date(instant.getTime() + minutes * 60_000);
}
