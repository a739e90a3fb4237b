import { AccountState, type TokenVerdict } from '../../../src/domain/account/account';
import {
  type ValidationConsequence,
  validationConsequence,
} from '../../../src/domain/account/validation';
import type { SweepSummary } from '../../../src/domain/refresh/sweep';
import { summaryLine } from '../../../src/domain/refresh/sweep';
import { ENDLESS, grantUntil } from '../_grants';

const NOW = new Date('2026-11-22T12:00:00.000Z');
const living = grantUntil(new Date('2026-11-22T13:00:00.000Z'));
const ended = grantUntil(new Date('2026-11-22T11:59:59.000Z'));
const { active, inactive, needsReconnect } = AccountState;

const none: ValidationConsequence = { kind: 'none' };
const refresh: ValidationConsequence = { kind: 'refresh' };
const toInactive: ValidationConsequence = { kind: 'state', state: inactive };

interface Given {
  state?: AccountState;
  current?: typeof living;
  /** The generation whose token was refused before. The account's generation is 7. */
  refusedGeneration?: number | null;
  refused?: AccountState;
  quarantine?: boolean;
}
const cases: [string, TokenVerdict, Given, ValidationConsequence][] = [
  ['valid changes nothing', 'valid', {}, none],
  ['valid activates an inactive account', 'valid', { state: inactive }, { kind: 'activate' }],
  ['valid does not repair a dead refresh token', 'valid', { state: needsReconnect }, none],
  ['unknown changes nothing', 'unknown', {}, none],
  ['unknown leaves an inactive account inactive', 'unknown', { state: inactive }, none],
  [
    'refused without a refresh token makes the account inactive',
    'invalid',
    { current: ENDLESS },
    toInactive,
  ],
  ['refused before its expiry leads to a refresh', 'invalid', {}, refresh],
  ['refused after its expiry changes nothing', 'invalid', { current: ended }, none],
  [
    'refused in quarantine changes nothing',
    'invalid',
    { current: ENDLESS, quarantine: true },
    none,
  ],
  ['refused and inactive stays inactive', 'invalid', { state: inactive }, none],
  [
    'refused in a later generation leads to a refresh',
    'invalid',
    { refusedGeneration: 3 },
    refresh,
  ],
  [
    'refused again after a lost refresh leads to a refresh',
    'invalid',
    { refusedGeneration: 7 },
    refresh,
  ],
  [
    'refused right after a refresh leads to no other refresh',
    'invalid',
    { refusedGeneration: 6 },
    none,
  ],
  [
    'refused right after a refresh makes a shop inactive',
    'invalid',
    { refusedGeneration: 6, refused: inactive },
    toInactive,
  ],
];

it.each(cases)('R2.3 a verdict that is %s', (_what, verdict, given, expected) => {
  const account = {
    state: given.state ?? active,
    quarantine: given.quarantine ?? false,
    current: given.current ?? living,
    generation: 7,
    refusedGeneration: given.refusedGeneration ?? null,
  };
  const refused = given.refused ?? needsReconnect;
  expect(validationConsequence(account, verdict, refused, NOW)).toEqual(expected);
});

describe('R2.4 the summary', () => {
  const summary: SweepSummary = {
    provider: 'shopify',
    environment: null,
    started_at: '',
    finished_at: null,
    due: 2,
    refreshed: 2,
    failed: 1,
    needs_reconnect: 0,
    retrying: 0,
    in_flight: 0,
    skipped: 0,
    deferred: 0,
    refresh_tokens_expiring: 0,
    failures: {},
    validation_due: 8,
    validated: 7,
    invalid: 1,
  };
  it.each([
    [{}, 'shopify: refreshed 2/2, validated 7/8, failed 1 (1 refused)'],
    [{ due: 0, refreshed: 0, validated: 8, failed: 0, invalid: 0 }, 'shopify: validated 8/8'],
    [{ validation_due: 0, validated: 0, failed: 0, invalid: 0 }, 'shopify: refreshed 2/2'],
    [{ due: 0, validation_due: 0 }, 'shopify: nothing was due'],
  ])('describes %j as: %s', (members, line) => {
    expect(summaryLine({ ...summary, ...members })).toBe(line);
  });
});
