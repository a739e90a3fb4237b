import { demoAccounts } from '../../src/sandbox/demo-accounts';
import { CLIENT_ID, CLIENT_SECRET, refresh, sandboxForTest, stopSandboxes } from './_token-client';

afterEach(stopSandboxes);

async function demo(accessTokenLifeSeconds?: number) {
  const now = new Date();
  const sandbox = await sandboxForTest({
    now: () => now,
    ...(accessTokenLifeSeconds && { accessTokenLifeSeconds }),
  });
  return { sandbox, now, accounts: demoAccounts(sandbox, now) };
}

describe('the demo accounts', () => {
  it('have distinct identities at every provider, in two organisations and in the eBay sandbox', async () => {
    const { accounts } = await demo();
    expect(accounts).toHaveLength(27);
    const of = (name: string) => accounts.filter(({ provider }) => provider === name).length;
    expect(['ebay', 'etsy', 'shopify', 'google'].map(of)).toEqual([12, 5, 4, 6]);
    const identities = accounts.map(
      ({ provider, external_id, kind }) => `${provider} ${external_id} ${kind}`,
    );
    expect(new Set(identities).size).toBe(27);
    expect(accounts.filter(({ organisation }) => organisation === 'acme')).toHaveLength(1);
    expect(accounts.filter(({ organisation }) => organisation !== 'default')).toHaveLength(1);
    expect(accounts.filter(({ environment }) => environment === 'sandbox')).toHaveLength(1);
    expect(accounts.filter(({ fault }) => fault === 'corrupt_row')).toHaveLength(1);
  });

  it('R4.1 include mailboxes of both kinds, and some in quarantine', async () => {
    const { accounts } = await demo();
    const kinds = accounts.filter(({ provider }) => provider === 'google').map(({ kind }) => kind);
    expect(kinds.filter((kind) => kind === 'booking')).toHaveLength(3);
    expect(kinds.filter((kind) => kind === 'stopsale')).toHaveLength(3);
    const held = accounts.filter(({ quarantine }) => quarantine);
    expect(held.map(({ provider }) => provider)).toEqual(['etsy', 'google']);
  });

  it('are in the state that their label names', async () => {
    const { accounts, now } = await demo();
    const states = accounts.map((account) => [
      account.label,
      (account.expires_at.getTime() - now.getTime()) / 60_000,
      (now.getTime() - account.last_refreshed_at.getTime()) / 60_000,
    ]);
    expect(states).toEqual([
      ['Lantern Lane – fresh', 120, 0],
      ['Copper Kettle – fresh', 120, 0],
      ['Harbour Books – expiring in 8 min', 8, 112],
      ['Juniper Crafts – expiring in 3 min', 3, 117],
      ['Meadow Bikes – expired 20 min ago', -20, 140],
      ['Old Mill Records – expired yesterday', -1560, 1680],
      ['Quarry Tools – refreshed 90 min ago, expires in 6 h', 360, 90],
      ['Saffron Spices – revoked at eBay', 6, 114],
      ['Tidewater Toys – corrupt row', 5, 115],
      ['Umber Antiques – malformed refresh token', 7, 113],
      ['Acme Outlet – another organisation, expiring in 12 min', 12, 108],
      ['Willow Test Seller – eBay sandbox, expiring in 10 min', 10, 110],
      ['Fern Pottery – fresh', 60, 0],
      ['Loom and Thread – expiring in 4 min', 4, 56],
      ['Pebble Prints – expired 2 h ago', -120, 180],
      ['Rowan Candles – revoked at Etsy', 5, 55],
      ['Wick and Wax – in quarantine, expiring in 9 min', 9, 51],
      ['Amber Outfitters – fresh', 60, 0],
      ['Birch Supply – expiring in 5 min', 5, 55],
      ['Cobalt Cycles – expired an hour ago', -60, 120],
      ['Dune Decor – app removed from the shop', 5, 55],
      ['Seaview Hotel, booking – fresh', 60, 0],
      ['Seaview Hotel, stopsale – expiring in 7 min', 7, 53],
      ['Alpine Lodge, booking – expired 30 min ago', -30, 90],
      ['Alpine Lodge, stopsale – revoked at Google', 5, 55],
      ['Palm Resort, booking – expiring in 9 min', 9, 51],
      ['Palm Resort, stopsale – in quarantine, expiring in 6 min', 6, 54],
    ]);
  });

  it('are refreshed by the sandbox, except the revoked and the malformed ones', async () => {
    const { sandbox, accounts } = await demo();
    const refused: string[] = [];
    for (const { provider, refresh_token, label } of accounts) {
      const form = {
        grant_type: 'refresh_token',
        refresh_token,
        client_id: CLIENT_ID,
        ...(provider === 'etsy' ? {} : { client_secret: CLIENT_SECRET }),
      };
      const response =
        provider === 'ebay'
          ? await refresh(sandbox, refresh_token)
          : await fetch(sandbox.tokenEndpoint(provider), {
              method: 'POST',
              body: new URLSearchParams(form),
            });
      await response.text();
      if (response.status !== 200) refused.push(label.replace(/ –.*/, ''));
    }
    expect(refused).toEqual([
      'Saffron Spices',
      'Umber Antiques',
      'Rowan Candles',
      'Dune Decor',
      'Alpine Lodge, stopsale',
    ]);
    const odd = accounts.filter(
      ({ provider, refresh_token }) => provider === 'ebay' && !refresh_token.startsWith('v^'),
    );
    expect(odd.map(({ external_id }) => external_id)).toEqual(['umber_antiques']);
  });

  it('have access tokens that the sandbox honours exactly until they expire', async () => {
    const { sandbox, accounts } = await demo();
    const dead = accounts.filter(({ access_token }) => !sandbox.isAccessTokenActive(access_token));
    expect(dead.map(({ label }) => label.replace(/ –.*/, ''))).toEqual([
      'Meadow Bikes',
      'Old Mill Records',
      'Saffron Spices',
      'Pebble Prints',
      'Rowan Candles',
      'Cobalt Cycles',
      'Dune Decor',
      'Alpine Lodge, booking',
      'Alpine Lodge, stopsale',
    ]);
  });

  it('have a shortened lifetime if they are fresh', async () => {
    const { accounts, now } = await demo(90);
    expect(accounts[0]?.expires_at.getTime()).toBe(now.getTime() + 90_000);
  });
});
