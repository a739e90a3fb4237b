/** The part of the system that a refusal of credentials affects. */
import { failureOfAccount } from '../../../src/domain/refresh/credentials-failure';
import {
  type RefreshFailureCode,
  refreshFailure,
} from '../../../src/domain/refresh/refresh-failure';

const OWN = { grantType: 'client_credentials', hasOwnClient: true } as const;
const APP = { grantType: 'client_credentials', hasOwnClient: false } as const;
const PERSON = { grantType: 'refresh_token', hasOwnClient: false } as const;

it.each<[string, RefreshFailureCode, typeof OWN | typeof APP | typeof PERSON, string]>([
  ['a refused own client', 'invalid_client', OWN, 'account'],
  ['a refused OAuth app', 'invalid_client', APP, 'app'],
  ['a refused OAuth app at a refresh', 'invalid_client', PERSON, 'app'],
  ['a grant type that the OAuth app may not use', 'unauthorized_client', APP, 'account'],
  ['an unknown scope of the account', 'invalid_scope', APP, 'account'],
  ['a grant type that the server does not know', 'unsupported_grant_type', OWN, 'account'],
  ['a refused assertion', 'invalid_grant', OWN, 'account'],
  ['an outage', 'provider_unavailable', OWN, 'provider'],
  ['a limit', 'rate_limited', OWN, 'rate'],
])('%s (%s) affects the right part', (_title, code, account, affected) => {
  const failure = failureOfAccount(refreshFailure(code, { detail: 'said' }), account);
  expect(failure).toMatchObject({ class: affected, code, detail: 'said' });
});

it('no message about credentials names a refresh token or an owner', () => {
  for (const code of ['invalid_client', 'invalid_grant', 'invalid_scope'] as const)
    expect(failureOfAccount(refreshFailure(code), OWN)?.message).not.toMatch(/refresh token|owner/);
});
