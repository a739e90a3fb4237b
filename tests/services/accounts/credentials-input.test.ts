/** Entered credentials: the members that each grant needs, and the keys that are accepted. */
import { generateKeyPairSync } from 'node:crypto';
import type { CredentialsGrant } from '../../../src/domain/account/grant-type';
import type { ProviderConfig } from '../../../src/providers/config/provider-entry';
import type { Provider } from '../../../src/providers/provider';
import {
  CredentialsInput,
  checkedCredentials,
} from '../../../src/services/accounts/credentials-input';
import { ebayAt, oauth2At } from '../../providers/_provider';

const URL = 'https://auth.example/token';
const pem = (key: { export(options: object): string | Buffer }) =>
  String(key.export({ format: 'pem', type: 'pkcs8' }));
const RSA = pem(generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey);
const SHORT = pem(generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey);
const EC = pem(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey);
const EC_384 = pem(generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey);
const LOCKED = String(
  generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({
    format: 'pem',
    type: 'pkcs8',
    cipher: 'aes-256-cbc',
    passphrase: 'secret',
  }),
);

const CRM = oauth2At(URL, { applicationTokens: true });

function check(entered: object, grantType: CredentialsGrant, provider: Provider = CRM) {
  const environment = provider.environments.get('production');
  if (environment === undefined) throw new Error('no environment');
  const parsed = CredentialsInput.parse(entered);
  const { stored, hasOwnClient } = checkedCredentials(parsed, grantType, ['a', 'b'], {
    provider,
    environment,
  });
  return { ...(JSON.parse(stored) as Record<string, unknown>), hasOwnClient };
}

/** The provider file's adapter with this id. */
function catalogue(adapter: string, config: Partial<ProviderConfig> = {}) {
  return oauth2At(URL, { id: adapter, adapter, ...config });
}

const OWN = { client_id: 'own-client', client_secret: 'own-secret' };
const ASSERTION = { issuer: 'robot', private_key: RSA };

it('the OAuth app of an entry without applicationTokens is used by no account, whose organisation would share its rights', () => {
  expect(() => check({}, 'client_credentials', oauth2At(URL))).toThrow(
    /accounts may not use the OAuth app of crm\. An operator can allow it/,
  );
  expect(check(OWN, 'client_credentials', oauth2At(URL))).toMatchObject({ hasOwnClient: true });
  const parameters = { box_subject_type: 'enterprise', box_subject_id: 'of another organisation' };
  expect(() => check({ parameters }, 'client_credentials')).toThrow(
    /^credentials\.parameters: only with client_id/,
  );
});

it.each<[string, object, CredentialsGrant, object]>([
  ['the OAuth app', {}, 'client_credentials', { hasOwnClient: false }],
  ['an own client with a secret', OWN, 'client_credentials', { ...OWN, hasOwnClient: true }],
  [
    'an own client with a key',
    { client_id: 'own-client', private_key: EC_384 },
    'client_credentials',
    { hasOwnClient: true },
  ],
  ['an RSA key', ASSERTION, 'jwt_bearer', { ...ASSERTION, hasOwnClient: true }],
  ['a P-256 key', { ...ASSERTION, private_key: EC }, 'jwt_bearer', { hasOwnClient: true }],
  [
    'a key in one line',
    { ...ASSERTION, private_key: RSA.replaceAll('\n', '\\n') },
    'jwt_bearer',
    { issuer: 'robot' },
  ],
])('%s is accepted with its scopes', (_title, entered, grantType, expected) => {
  expect(check(entered, grantType)).toMatchObject({ scopes: ['a', 'b'], ...expected });
});

it('a key file of Google becomes an issuer with a key, and its client id is dropped', () => {
  const file = {
    type: 'service_account',
    project_id: 'project-1',
    private_key_id: 'key-1',
    private_key: RSA,
    client_email: 'robot@project-1.iam.gserviceaccount.com',
    client_id: '1089',
    token_uri: 'https://oauth2.googleapis.com/token',
  };
  expect(check(file, 'jwt_bearer', catalogue('google'))).toEqual({
    issuer: file.client_email,
    key_id: 'key-1',
    private_key: RSA,
    scopes: ['a', 'b'],
    hasOwnClient: true,
  });
});

it.each<[string, object, CredentialsGrant, RegExp]>([
  ['a secret without a client', { client_secret: 's' }, 'client_credentials', /client_id/],
  ['a client without a secret', { client_id: 'c' }, 'client_credentials', /client_secret/],
  ['a secret and a key', { ...OWN, private_key: RSA }, 'client_credentials', /not both/],
  ['a subject', { ...OWN, subject: 'x' }, 'client_credentials', /only with jwt_bearer/],
  ['no key', { issuer: 'robot' }, 'jwt_bearer', /private_key: required/],
  ['no issuer', { private_key: RSA }, 'jwt_bearer', /issuer: required/],
  ['a short key', { ...ASSERTION, private_key: SHORT }, 'jwt_bearer', /2048 bits/],
  ['a P-384 key', { ...ASSERTION, private_key: EC_384 }, 'jwt_bearer', /P-256/],
  ['an encrypted key', { ...ASSERTION, private_key: LOCKED }, 'jwt_bearer', /unencrypted/],
  ['another text', { ...ASSERTION, private_key: 'no key' }, 'jwt_bearer', /PEM or JWK/],
  ['an unknown member', { ...OWN, refresh_token: 'x' }, 'client_credentials', /"refresh_token"/],
  [
    'a reserved parameter',
    { ...OWN, parameters: { grant_type: 'x' } },
    'client_credentials',
    /grant_type/,
  ],
  ['a reserved claim', { ...ASSERTION, claims: { exp: '1' } }, 'jwt_bearer', /exp/],
])('%s is refused', (_title, entered, grantType, message) => {
  expect(() => check(entered, grantType)).toThrow(message);
});

it('a message never contains a secret', () => {
  for (const entered of [
    { ...ASSERTION, private_key: SHORT },
    { client_secret: 'planted-secret' },
    { ...OWN, 'planted-secret with blanks': 'x' },
  ])
    for (const grantType of ['client_credentials', 'jwt_bearer'] as const) {
      let message = '';
      try {
        check(entered, grantType);
      } catch (error) {
        message = String(error);
      }
      expect(message).not.toMatch(/planted|BEGIN|MII/);
    }
});

it('the rules of a provider apply: supported grants, required subjects and clients', () => {
  expect(() => check(ASSERTION, 'jwt_bearer', ebayAt(URL))).toThrow(/does not support jwt_bearer/);
  expect(() => check({}, 'client_credentials', catalogue('google'))).toThrow(/does not support/);
  expect(() => check(ASSERTION, 'jwt_bearer', catalogue('docusign'))).toThrow(/subject: required/);
  const box = { private_key: RSA, subject: '1', claims: { box_sub_type: 'enterprise' } };
  expect(check(box, 'jwt_bearer', catalogue('box'))).toMatchObject({ hasOwnClient: false });
  expect(check({ ...box, ...OWN }, 'jwt_bearer', catalogue('box'))).toMatchObject({
    hasOwnClient: true,
  });
  expect(() => check({ ...box, client_id: 'c' }, 'jwt_bearer', catalogue('box'))).toThrow(
    /client_secret: required/,
  );
});
