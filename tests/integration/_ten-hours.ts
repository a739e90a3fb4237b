/** The ten-hour simulation: providers with shortened times, their accounts, and temporary faults. */
import { findAdapter } from '../../src/providers/adapters/registry';
import { defaultPolicy } from '../../src/providers/config/providers-file';
import type { SandboxProvider } from '../../src/sandbox/dialect';
import type { Rotation } from '../../src/sandbox/rotation';
import type { ScriptedAnswer } from '../../src/sandbox/scripted-answer';
import type { Harness, ProviderEntry } from '../support/harness';

/**
 * Duration of the simulated ten hours, in ms. If the summary reports high CPU pressure, misses are the machine's fault:
 * raise it, for example TEN_HOURS_SECONDS=900.
 */
export const RUN_MS = Number(process.env['TEN_HOURS_SECONDS'] ?? 400) * 1000;
/** The factor by which lifetimes and ages are shortened. */
const SCALE = (10 * 3_600_000) / RUN_MS;
/**
 * The factor for margins, intervals, jitter and back-offs. Smaller, because they allow for the time that a refresh
 * takes, which does not shrink.
 */
const REACTION_SCALE = SCALE / 3;
export const HOUR_MS = RUN_MS / 10;
export const ORGANISATIONS = ['default', 'acme'] as const;

/** A configured provider of the run, and the properties of its grants in the sandbox. */
interface SimulatedProvider {
  dialect: SandboxProvider;
  accounts: number;
  /** If it differs from the dialect's. */
  rotation?: Rotation;
  /** In real seconds, as are the pauses inside a workflow. */
  entry?: Record<string, unknown>;
}

export const PROVIDERS: Readonly<Record<string, SimulatedProvider>> = {
  ebay: { dialect: 'ebay', accounts: 8 },
  etsy: { dialect: 'etsy', accounts: 6 },
  shopify: { dialect: 'shopify', accounts: 6 },
  google: { dialect: 'google', accounts: 6 },
  microsoft: {
    dialect: 'google',
    accounts: 6,
    rotation: { mode: 'until_successor_used', seconds: 24 * 3600 },
  },
  oauth2: {
    dialect: 'google',
    accounts: 6,
    rotation: { mode: 'grace', seconds: 30 },
    entry: { clientAuthentication: 'client_secret_post', replay: '30s' },
  },
};

/** The `providers.yaml` of the run; the jitter is half an interval, as by default. */
export function entries(): Record<string, ProviderEntry> {
  return Object.fromEntries(
    Object.entries(PROVIDERS).map(([id, { dialect, entry }]) => {
      const policy = defaultPolicy(id, null);
      const { refreshAfterAgeMs: age } = policy;
      return [
        id,
        {
          dialect,
          sweepEvery: `${sweepEveryMs(id)}ms`,
          refreshBefore: shortened(policy.refreshBeforeMs, REACTION_SCALE),
          refreshAfterAge: age === null ? 'never' : shortened(age, SCALE),
          backOff: {
            first: shortened(policy.backOffFirstMs, REACTION_SCALE),
            max: shortened(policy.backOffMaxMs, REACTION_SCALE),
          },
          accessTokenLife: `${lifeSeconds(id)}s`,
          ...entry,
        },
      ];
    }),
  );
}

/** The provider's interval in this run. */
export function sweepEveryMs(id: string): number {
  return Math.round(defaultPolicy(id, null).sweepEveryMs / REACTION_SCALE);
}

function shortened(realMs: number, scale: number): string {
  return `${Math.round(realMs / scale)}ms`;
}

function lifeSeconds(providerId: string): number {
  return (findAdapter(providerId)?.defaultAccessTokenLifeSeconds ?? 0) / SCALE;
}

export interface SimulatedAccount {
  id: string;
  provider: string;
  organisation: string;
  label: string;
  /** Any refresh token of the family, which serves to revoke it. */
  refreshToken: string;
  revokedAt: number | null;
}

/** Connects all accounts through the API, with their organisations' keys. */
export async function connectAll(
  h: Harness,
  keys: Readonly<Record<string, string>>,
): Promise<SimulatedAccount[]> {
  const connected: SimulatedAccount[] = [];
  for (const [provider, { dialect, accounts, rotation }] of Object.entries(PROVIDERS)) {
    for (let n = 0; n < accounts; n += 1) {
      const label = `${provider}-${n}`;
      const organisation = ORGANISATIONS[n % 2] ?? 'default';
      const life = lifeSeconds(provider);
      // Every fourth account is connected at half of its token's life.
      const left = n % 4 === 3 ? life / 2 : life;
      const grant = h.sandbox.issueGrant({
        provider: dialect,
        subject: label,
        accessTokenLifeSeconds: life,
        expiresAt: new Date(Date.now() + left * 1000),
        ...(rotation && { rotation }),
      });
      const { status, body } = await h.request(
        keys[organisation] ?? '',
        'POST',
        '/api/admin/accounts',
        {
          provider,
          external_id: provider === 'shopify' ? `${label}.myshopify.com` : label,
          label,
          access_token: grant.access_token,
          refresh_token: grant.refresh_token,
          expires_at: grant.expires_at,
          ...(provider === 'ebay' && n % 3 === 2 && { environment: 'sandbox' }),
          ...(provider === 'google' && { kind: n % 4 < 2 ? 'booking' : 'stopsale' }),
          ...(label === 'ebay-1' && {
            policy: {
              refresh_before: shortened(18 * 60_000, REACTION_SCALE),
              refresh_after_age: 'never',
              jitter: 'none',
            },
          }),
        },
      );
      if (status !== 201) throw new Error(`${label}: ${JSON.stringify(body)}`);
      const { refresh_token: refreshToken } = grant;
      connected.push({ id: body.id, provider, organisation, label, refreshToken, revokedAt: null });
    }
  }
  return connected;
}

/** Scripts the next request of this many accounts of a provider. */
export interface Trouble {
  atHour: number;
  provider: string;
  accounts: number;
  answer: ScriptedAnswer;
}

const down: ScriptedAnswer = { kind: 'unavailable' };
const slowDown: ScriptedAnswer = { kind: 'rate_limited', retryAfter: '1' };
const answerLost: ScriptedAnswer = { kind: 'drop', at: 'after_commit' };
const cutOff: ScriptedAnswer = { kind: 'drop', at: 'before_commit' };
const slow: ScriptedAnswer = { kind: 'normal', delayMs: 1000 };

/**
 * Each is short compared with the remaining life of the tokens. Etsy does not forgive a lost response after its commit;
 * tests/faults/kills shows that case.
 */
export const TROUBLES: readonly Trouble[] = [
  { atHour: 1, provider: 'ebay', accounts: 3, answer: down },
  { atHour: 1.2, provider: 'google', accounts: 4, answer: down },
  { atHour: 1.5, provider: 'etsy', accounts: 2, answer: down },
  { atHour: 2, provider: 'shopify', accounts: 3, answer: down },
  { atHour: 2.2, provider: 'oauth2', accounts: 2, answer: answerLost },
  { atHour: 2.5, provider: 'ebay', accounts: 2, answer: slowDown },
  { atHour: 3, provider: 'microsoft', accounts: 2, answer: answerLost },
  { atHour: 3.5, provider: 'shopify', accounts: 2, answer: answerLost },
  { atHour: 4, provider: 'google', accounts: 2, answer: answerLost },
  { atHour: 4.2, provider: 'etsy', accounts: 2, answer: cutOff },
  { atHour: 4.5, provider: 'ebay', accounts: 2, answer: answerLost },
  { atHour: 5, provider: 'etsy', accounts: 2, answer: slowDown },
  { atHour: 5.5, provider: 'ebay', accounts: 2, answer: down },
  { atHour: 6, provider: 'google', accounts: 2, answer: cutOff },
  { atHour: 6.2, provider: 'oauth2', accounts: 2, answer: down },
  { atHour: 6.5, provider: 'shopify', accounts: 2, answer: slowDown },
  { atHour: 7, provider: 'etsy', accounts: 3, answer: slow },
  { atHour: 7.5, provider: 'microsoft', accounts: 2, answer: down },
  { atHour: 8, provider: 'ebay', accounts: 3, answer: slow },
  { atHour: 8.5, provider: 'google', accounts: 3, answer: slow },
  { atHour: 9, provider: 'oauth2', accounts: 2, answer: slowDown },
];

/** Injects the fault until this many accounts were hit. */
export function bringTrouble(
  h: Harness,
  accounts: readonly SimulatedAccount[],
  trouble: Trouble,
): void {
  const hit = new Set<string>();
  const stop = h.sandbox.on('received', ({ subject = '' }) => {
    const provider = accounts.find(({ label }) => label === subject)?.provider;
    if (provider !== trouble.provider || hit.has(subject)) return;
    hit.add(subject);
    h.sandbox.script({ subject, answer: trouble.answer });
    if (hit.size === trouble.accounts) stop();
  });
}
