/** Values that a provider states beside the tokens: which are kept, and that none of them is a secret. */
import { replacingGrant, withProviderValues } from '../../../src/domain/account/grant';
import { consentWith, refreshWith } from '../../../src/providers/catalogue/example-exchange';
import { grantUntil } from '../../domain/_grants';
import { adapterWith } from './_invented';

jest.mock(
  '../../../src/providers/adapters/registry',
  () => jest.requireActual<{ registry: object }>('./_invented').registry,
);

const answer = { access_token: 'at-1', refresh_token: 'rt-2', token_type: 'bearer' };
const keep = { realmId: { pattern: '^\\d{1,30}$' } };
const authorization = { url: 'https://as.example.com/authorize', keep };

describe('a file that keeps values', () => {
  it('gives those of a refresh as text, by their paths', async () => {
    const adapter = adapterWith({ answer: { keep: ['api.base', 'team', 'live', 'absent'] } });
    const body = { ...answer, api: { base: 'https://api.example.com' }, team: 7, live: false };
    const { grant, warnings } = await refreshWith(adapter, { body });
    const values = { 'api.base': 'https://api.example.com', team: '7', live: 'false' };
    expect(grant?.providerValues).toEqual(values);
    expect(warnings.filter((one) => one.includes('dropped'))).toEqual([]);
  });

  it('gives those beside the tokens and those around them', async () => {
    const adapter = adapterWith({ answer: { tokens: 'user', keep: ['team', 'user.id', 'level'] } });
    const body = { team: 'T1', user: { ...answer, id: 'U1', level: 'all' } };
    const { grant } = await refreshWith(adapter, { body });
    expect(grant?.providerValues).toEqual({ team: 'T1', 'user.id': 'U1', level: 'all' });
  });

  it('gives those of the callback with those of the answer to the code', async () => {
    const adapter = adapterWith({ authorization, answer: { keep: ['api_base'] } });
    const body = { ...answer, api_base: 'https://api.example.com' };
    const { grant } = await consentWith(adapter, { code: 'code-1', realmId: '42' }, { body });
    expect(grant?.providerValues).toEqual({ realmId: '42', api_base: 'https://api.example.com' });
  });

  it('gives none if the provider states none', async () => {
    const adapter = adapterWith({ authorization, answer: { keep: ['api_base'] } });
    const { grant } = await consentWith(adapter, { code: 'code-1' }, { body: answer });
    expect(grant).not.toHaveProperty('providerValues');
  });

  it('drops a value that is or contains a token, the secret of the app or the sent token', async () => {
    const adapter = adapterWith({ answer: { keep: ['one', 'two', 'three', 'four'] } });
    const body = {
      ...answer,
      one: 'at-1',
      two: 'https://api.example.com?t=rt-2',
      three: 'client-secret',
      four: 'example-refresh-token',
    };
    const { grant, warnings } = await refreshWith(adapter, { body });
    expect(grant).not.toHaveProperty('providerValues');
    expect(warnings.filter((one) => one.startsWith('Evergrant dropped'))).toHaveLength(4);
  });

  it('drops a value that is no short text', async () => {
    const adapter = adapterWith({ answer: { keep: ['long', 'list', 'object'] } });
    const body = { ...answer, long: 'x'.repeat(501), list: ['a'], object: { a: 1 } };
    const { grant } = await refreshWith(adapter, { body });
    expect(grant).not.toHaveProperty('providerValues');
  });

  it.each([
    [{ answer: { keep: ['data.id_token'] } }, /names a secret/],
    [{ answer: { keep: ['oauth_token_secret'] } }, /names a secret/],
    [{ answer: { keep: ['x-api-key'] } }, /names a secret/],
    [{ answer: { keep: ['account.private_key'] } }, /names a secret/],
    [{ answer: { keep: ['authed_user.credentials.x'] } }, /names a secret/],
    [
      { authorization: { ...authorization, keep: { code: { pattern: '^x$' } } } },
      /code names a secret/,
    ],
    [{ answer: { keep: 'abcdefghijk'.split('') } }, /at most 10 values/],
  ])('is not valid with %j', (members, problem) => {
    expect(() => adapterWith(members)).toThrow(problem);
  });
});

describe('withProviderValues', () => {
  it('keeps an earlier value that the answer does not repeat', () => {
    expect(withProviderValues({ a: '1', b: '2' }, { b: '3' })).toEqual({
      providerValues: { a: '1', b: '3' },
    });
    expect(withProviderValues({ a: '1' }, undefined)).toEqual({ providerValues: { a: '1' } });
  });

  it('keeps 10 values at most, the stated ones first', () => {
    const earlier = Object.fromEntries('abcdefghij'.split('').map((name) => [name, 'old']));
    const { providerValues = {} } = withProviderValues(earlier, { z: 'new' });
    expect(Object.keys(providerValues)).toHaveLength(10);
    expect(providerValues['z']).toBe('new');
  });

  it('gives no member without values', () => {
    expect(withProviderValues()).toEqual({});
  });
});

describe('replacingGrant', () => {
  const before = { ...grantUntil(new Date(0)), providerValues: { server: 'accounts.example.eu' } };

  it('keeps the values of the account with an entered grant, which states none', () => {
    const entered = { ...grantUntil(new Date(0)), attemptId: null };
    expect(replacingGrant(entered, before).providerValues).toEqual(before.providerValues);
    expect(replacingGrant(entered, entered)).not.toHaveProperty('providerValues');
  });

  it('keeps none with the grant of a new consent, which may be of another server', () => {
    const consented = { ...grantUntil(new Date(0)), attemptId: 'session-1' };
    expect(replacingGrant(consented, before)).toEqual(consented);
  });
});
