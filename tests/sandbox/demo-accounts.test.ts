import { demoAccounts } from '../../src/sandbox/demo-accounts';
import { refresh, sandboxForTest, stopSandboxes } from './_token-client';

afterEach(stopSandboxes);

async function demo(accessTokenLifeSeconds = 7200) {
  const now = new Date();
  const sandbox = await sandboxForTest({ now: () => now, accessTokenLifeSeconds });
  return { sandbox, now, accounts: demoAccounts(sandbox, now) };
}

describe('the demo accounts', () => {
  it('are twelve with different names, one of another organisation, one of the eBay sandbox', async () => {
    const { accounts } = await demo();
    expect(accounts).toHaveLength(12);
    expect(new Set(accounts.map((account) => account.external_id)).size).toBe(12);
    expect(accounts.filter(({ organisation }) => organisation === 'acme')).toHaveLength(1);
    expect(accounts.filter(({ organisation }) => organisation === 'default')).toHaveLength(11);
    expect(accounts.filter(({ environment }) => environment === 'sandbox')).toHaveLength(1);
    expect(accounts.filter(({ fault }) => fault === 'corrupt_row')).toHaveLength(1);
  });

  it('are in the state that their labels name', async () => {
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
      ['Quarry Tools – refreshed 90 min ago, expiry far', 360, 90],
      ['Saffron Spices – revoked at eBay', 6, 114],
      ['Tidewater Toys – corrupt row', 5, 115],
      ['Umber Antiques – refresh token of an odd shape', 7, 113],
      ['Acme Outlet – another organisation, expiring in 12 min', 12, 108],
      ['Willow Test Seller – eBay sandbox, expiring in 10 min', 10, 110],
    ]);
  });

  it('are all refreshed by the sandbox but the revoked one and the odd one', async () => {
    const { sandbox, accounts } = await demo();
    const refused: string[] = [];
    for (const account of accounts) {
      const response = await refresh(sandbox, account.refresh_token);
      await response.text();
      if (response.status !== 200) refused.push(account.external_id);
    }
    expect(refused).toEqual(['saffron_spices', 'umber_antiques']);
    const odd = accounts.filter(({ refresh_token }) => !refresh_token.startsWith('v^'));
    expect(odd.map(({ external_id }) => external_id)).toEqual(['umber_antiques']);
  });

  it('have access tokens that the sandbox honours exactly until they expire', async () => {
    const { sandbox, accounts } = await demo();
    const dead = accounts.filter(({ access_token }) => !sandbox.isAccessTokenActive(access_token));
    expect(dead.map(({ external_id }) => external_id)).toEqual([
      'meadow_bikes',
      'old_mill_records',
      'saffron_spices',
    ]);
  });

  it('follow a shortened life where they are fresh', async () => {
    const { accounts, now } = await demo(90);
    expect(accounts[0]?.expires_at.getTime()).toBe(now.getTime() + 90_000);
  });
});
