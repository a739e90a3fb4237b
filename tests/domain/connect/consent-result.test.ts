import { checkConsent, isOther } from '../../../src/domain/connect/consent-result';

const SESSION = { requiredScopes: ['a'], expectedSubject: null, allowSubjectChange: false };
const RECEIVED = {
  scopes: ['a', 'b'],
  hasRefreshToken: true,
  subject: { digest: 'one', label: null },
};
const EXPECTED = {
  requestedScopes: ['a', 'b'],
  refreshTokenExpected: true,
  subjectExpected: true,
};

it.each([
  ['missing_scopes', {}, { scopes: ['b'] }, null],
  ['no_refresh_token', {}, { hasRefreshToken: false }, null],
  ['unknown_subject', {}, { subject: null }, null],
  ['different_subject', { expectedSubject: 'other' }, {}, null],
  ['different_subject', {}, {}, 'other'],
  ['different_subject', { expectedSubject: 'other', allowSubjectChange: true }, {}, 'other'],
] as const)('refuses a consent with %s', (failure, session, received, account) => {
  const result = checkConsent(
    { ...SESSION, ...session },
    { ...RECEIVED, ...received },
    EXPECTED,
    account,
  );
  expect(result).toMatchObject({ failure });
});

it('accepts another subject if the session allows it', () => {
  const session = { ...SESSION, allowSubjectChange: true };
  expect(checkConsent(session, RECEIVED, EXPECTED, 'other')).toEqual({ missingScopes: [] });
});

it('treats unnamed scopes as granted', () => {
  const received = { ...RECEIVED, scopes: null };
  expect(checkConsent(SESSION, received, EXPECTED, null)).toEqual({ missingScopes: [] });
});

it('names requested scopes that were not granted, except those of OpenID Connect', () => {
  const expected = { ...EXPECTED, requestedScopes: ['a', 'c', 'openid', 'offline_access'] };
  expect(checkConsent(SESSION, RECEIVED, expected, null)).toEqual({ missingScopes: ['c'] });
});

it('refuses an unknown subject where a certain one is expected', () => {
  expect(isOther({ expectedSubject: 'one', allowSubjectChange: false }, null, null)).toBe(true);
  expect(isOther({ expectedSubject: null, allowSubjectChange: false }, null, 'one')).toBe(false);
});
