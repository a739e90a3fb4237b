/** Samples the token that Evergrant would serve for every account, and checks with the sandbox whether it is valid. */
import { readFileSync } from 'node:fs';
import type { Account } from '../../src/domain/account/account';
import { remainingLifeMs } from '../../src/domain/account/grant';
import { grantPlace } from '../../src/vault/vault';
import type { Harness } from '../support/harness';
import { ORGANISATIONS, type SimulatedAccount } from './_ten-hours';

interface Miss {
  account: SimulatedAccount;
  at: Date;
  where: 'store' | 'api';
  held: string;
}

export interface Samples {
  stored: number;
  served: number;
  misses: Miss[];
  /** The shortest remaining life of a stored token, by provider, in ms. */
  leastLeftMs: Record<string, number>;
  /** The highest CPU pressure over ten seconds, in percent; 0 if the system does not report it. */
  cpuPressure: number;
}

export class Sampler {
  readonly samples: Samples = {
    stored: 0,
    served: 0,
    misses: [],
    leastLeftMs: {},
    cpuPressure: 0,
  };
  readonly #h: Harness;
  readonly #keys: Readonly<Record<string, string>>;

  constructor(h: Harness, keys: Readonly<Record<string, string>>) {
    this.#h = h;
    this.#keys = keys;
  }

  /** Checks the stored token of each account. */
  async store(accounts: readonly SimulatedAccount[]): Promise<void> {
    const lists = await Promise.all(
      ORGANISATIONS.map((organisation) =>
        this.#h.store.accounts.list({ organisation, limit: 1000 }),
      ),
    );
    const stored = new Map(lists.flat().map((account) => [account.id, account]));
    const at = new Date();
    this.samples.cpuPressure = Math.max(this.samples.cpuPressure, cpuPressure());
    for (const simulated of accounts) {
      const account = stored.get(simulated.id);
      if (simulated.revokedAt !== null || account === undefined) continue;
      this.samples.stored += 1;
      const leftMs = remainingLifeMs(account.current, at);
      const least = this.samples.leastLeftMs;
      least[simulated.provider] = Math.min(least[simulated.provider] ?? leftMs, leftMs);
      if (this.#h.sandbox.isAccessTokenActive(this.#opened(account))) continue;
      const { generation, state, claim, nextAttemptAt } = account;
      const held = JSON.stringify({ generation, leftMs, state, claim, nextAttemptAt });
      this.samples.misses.push({ account: simulated, at, where: 'store', held });
    }
  }

  /** Checks the token that an application receives. */
  async api(account: SimulatedAccount): Promise<void> {
    const at = new Date();
    const key = this.#keys[account.organisation] ?? '';
    const path = `/api/tokens/${account.id}?min_valid_seconds=0`;
    const { body } = await this.#h.request(key, 'GET', path);
    if (account.revokedAt !== null) return;
    this.samples.served += 1;
    if (body.active && this.#h.sandbox.isAccessTokenActive(body.access_token)) return;
    const { access_token: _, ...held } = body;
    this.samples.misses.push({ account, at, where: 'api', held: JSON.stringify(held) });
  }

  #opened(account: Account): string {
    const place = grantPlace(account, account.generation);
    return this.#h.vault.openToken(account.current.accessToken ?? '', place, 'access_token');
  }
}

/** @see [Pressure stall information](https://docs.kernel.org/accounting/psi.html) */
function cpuPressure(): number {
  try {
    const [, percent] = /^some avg10=(\S+)/.exec(readFileSync('/proc/pressure/cpu', 'utf8')) ?? [];
    return Number(percent ?? 0);
  } catch {
    return 0;
  }
}

/** Lists the accounts without a valid token: when, what they held, and their last attempts. */
export async function describeMisses(h: Harness, { misses }: Samples): Promise<string> {
  const firsts = misses.filter(
    (miss, n) => misses.findIndex(({ account }) => account.id === miss.account.id) === n,
  );
  const lines = await Promise.all(
    firsts.map(async ({ account, at, where, held }) => {
      const count = misses.filter((one) => one.account.id === account.id).length;
      const entries = (await h.entries(account.id)).slice(0, 6);
      return [
        `${account.label}: ${count} misses, the first ${at.toISOString()} (${where}) ${held}`,
        ...entries.map((e) => `  ${e.created_at} ${e.outcome} ${e.error?.code ?? ''} ${e.message}`),
      ].join('\n');
    }),
  );
  return lines.join('\n');
}
