/** The expiry of a refresh token after an answer: a new token has its own. */
import { randomUUID } from 'node:crypto';
import type { Account } from '../../src/domain/account/account';
import type { SealedGrant } from '../../src/domain/account/grant';
import { Secret } from '../../src/domain/masking/secret';
import type { ReceivedGrant } from '../../src/providers/exchange/received-grant';
import { sealReceived } from '../../src/refresh/seal-grant';
import { OpenError } from '../../src/vault/sealing';
import { grantPlace, type Vault } from '../../src/vault/vault';
import { openedVault } from '../vault/_keys';

const NOW = new Date('2026-11-22T12:00:00.000Z');
const OLD_EXPIRY = '2026-12-05T00:00:00.000Z';
const STATED = new Date('2027-03-03T12:00:00.000Z');
const organisation = `org_${randomUUID()}`;
const id = `acc_${randomUUID()}`;
const refreshToken = `rt-1-${randomUUID()}`;

let vault: Vault;
let account: Account;
let current: SealedGrant;
beforeAll(async () => {
  vault = await openedVault();
  account = {
    id,
    organisation,
    provider: 'ebay',
    environment: 'production',
    externalId: 'shop-1',
    generation: 7,
  } as Account;
  current = {
    ...vault.sealGrant({ accessToken: 'at-1', refreshToken }, grantPlace(account, 7)),
    expiresAt: NOW.toISOString(),
    refreshTokenExpiresAt: OLD_EXPIRY,
    scopes: ['a'],
    obtainedAt: NOW.toISOString(),
    attemptId: null,
    providerValues: { company: '42', base: 'https://a.example' },
  };
  account = { ...account, current };
});

/** An answer with a new access token and nothing else. */
const accessTokenOnly = (): ReceivedGrant => ({
  accessToken: new Secret('at-2'),
  refreshToken: null,
  expiresAt: STATED,
  refreshTokenExpiry: { expiresAt: null, isStated: false },
  scopes: null,
});

/** The refresh token's expiry after an answer with this refresh token and this statement. */
function expiryAfter(answered: string | null, expiresAt: Date | null, isStated: boolean) {
  const received = {
    ...accessTokenOnly(),
    refreshToken: answered === null ? null : new Secret(answered),
    refreshTokenExpiry: { expiresAt, isStated },
  };
  const attempt = { attemptId: randomUUID(), obtainedAt: NOW };
  return sealReceived(vault, account, current, received, attempt).refreshTokenExpiresAt;
}

describe('sealReceived', () => {
  it.each<[string, () => string | null, Date | null, boolean, string | null]>([
    ['stores the stated expiry of a new token', () => 'rt-2', STATED, true, STATED.toISOString()],
    [
      'uses the configured lifetime for a new token',
      () => 'rt-2',
      STATED,
      false,
      STATED.toISOString(),
    ],
    ['has an unknown expiry for a new token without either', () => 'rt-2', null, false, null],
    ['keeps the expiry if the answer has no token', () => null, null, false, OLD_EXPIRY],
    [
      'stores a stated expiry if the answer has no token',
      () => null,
      STATED,
      true,
      STATED.toISOString(),
    ],
    [
      'keeps the expiry if the answer has the same token',
      () => refreshToken,
      STATED,
      false,
      OLD_EXPIRY,
    ],
    [
      'stores the stated expiry of the same token',
      () => refreshToken,
      STATED,
      true,
      STATED.toISOString(),
    ],
    [
      'keeps the expiry if the answer has ciphertext',
      () => 'ENC:v1:k1:AAAA',
      null,
      false,
      OLD_EXPIRY,
    ],
  ])('%s', (_what, answered, expiresAt, isStated, expected) => {
    expect(expiryAfter(answered(), expiresAt, isStated)).toBe(expected);
  });
});

it('sealReceived encrypts new and carried-over tokens for the next generation', () => {
  const received = accessTokenOnly();
  const attempt = { attemptId: randomUUID(), obtainedAt: NOW };
  const sealed = sealReceived(vault, account, current, received, attempt);
  const [now, then] = [grantPlace(account, 7), grantPlace(account, 8)];
  expect(sealed.generation).toBe(8);
  expect(vault.openToken(sealed.accessToken ?? '', then, 'access_token')).toBe('at-2');
  expect(vault.openToken(sealed.refreshToken ?? '', then, 'refresh_token')).toBe(refreshToken);
  for (const [token, field] of [
    [sealed.accessToken, 'access_token'],
    [sealed.refreshToken, 'refresh_token'],
  ] as const)
    expect(() => vault.openToken(token ?? '', now, field)).toThrow(OpenError);
});

it.each([
  ['the current grant', () => current],
  ['an entered grant without values', () => ({ ...current, providerValues: undefined })],
])('sealReceived keeps the provider values that an answer to %s does not repeat', (_what, of) => {
  const received = { ...accessTokenOnly(), providerValues: { base: 'https://b.example' } };
  const { providerValues: _values, ...presented } = of();
  const values = _values === undefined ? {} : { providerValues: _values };
  const attempt = { attemptId: randomUUID(), obtainedAt: NOW };
  const sealed = sealReceived(vault, account, { ...presented, ...values }, received, attempt);
  expect(sealed.providerValues).toEqual({ company: '42', base: 'https://b.example' });
});

describe('sealReceived, with an end that counts from the consent,', () => {
  const DAY_MS = 24 * 3600_000;
  const at = (days: number) => new Date(NOW.getTime() + days * DAY_MS);

  /** The grant after a rotation on this day: an idle clock of 100 days, and an end 365 days after the consent. */
  function rotated(presented: SealedGrant, day: number, stated: Date | null = null) {
    const received = {
      ...accessTokenOnly(),
      refreshToken: new Secret(`rt-${randomUUID()}`),
      expiresAt: at(day),
      refreshTokenExpiry: { expiresAt: stated ?? at(day + 100), isStated: stated !== null },
      refreshTokenEndsAt: at(day + 365),
    };
    const attempt = { attemptId: randomUUID(), obtainedAt: at(day) };
    return sealReceived(vault, account, presented, received, attempt);
  }
  const consented = () => ({ ...current, refreshTokenEndsAt: at(365).toISOString() });

  it('keeps the end through rotations, and the idle clock never passes it', () => {
    const first = rotated(consented(), 90);
    expect(first.refreshTokenExpiresAt).toBe(at(190).toISOString());
    // One key encrypts all grants of the test, so a grant of a later generation can be presented again.
    const second = rotated({ ...first, generation: 8 }, 300);
    expect(second.refreshTokenExpiresAt).toBe(at(365).toISOString());
    expect(second.refreshTokenEndsAt).toBe(at(365).toISOString());
  });
  it('counts from the first refresh for a grant that was stored without it', () => {
    const first = rotated(current, 90);
    expect(first.refreshTokenEndsAt).toBe(at(455).toISOString());
    expect(rotated(first, 400).refreshTokenExpiresAt).toBe(at(455).toISOString());
  });
  it('stores a stated expiry, and keeps the end', () => {
    const first = rotated(consented(), 90, at(600));
    expect(first.refreshTokenExpiresAt).toBe(at(600).toISOString());
    expect(first.refreshTokenEndsAt).toBe(at(365).toISOString());
  });
  it('expires a token of unknown expiry at the end', () => {
    const received = accessTokenOnly();
    const attempt = { attemptId: randomUUID(), obtainedAt: NOW };
    const entered = { ...consented(), refreshTokenExpiresAt: null };
    const sealed = sealReceived(vault, account, entered, received, attempt);
    expect(sealed.refreshTokenExpiresAt).toBe(at(365).toISOString());
  });
});
