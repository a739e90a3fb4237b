/** The accounts of all organisations in numbers, for the metrics: by status, and by the time until their tokens expire. */
import type { Connection, Model, mongo } from 'mongoose';
import { type AccountState, type AccountStatus, derivedStatus } from '../../domain/account/account';
import { type Counted, idRanges, type Recount, type StoredCounts } from '../mongo/stored-counts';
import { type AccountDocument, accountsOfAllOrganisations } from './account-model';
import { momentOrNever } from './account-summaries';

/** The times within which tokens expire, in seconds. 0: they have expired. */
export const ACCESS_TOKEN_WITHIN = [0, 300, 3600, 6 * 3600, 24 * 3600] as const;
const DAY = 24 * 3600;
export const REFRESH_TOKEN_WITHIN = [0, DAY, 7 * DAY, 14 * DAY, 30 * DAY] as const;

/** Accounts of one OAuth app with the same status. */
export interface AccountTotal {
  provider: string;
  environment: string;
  status: AccountStatus;
  accounts: number;
  quarantined: number;
  /** Accounts whose token expires within each of {@link ACCESS_TOKEN_WITHIN}. */
  accessTokens: number[];
  /** The same for {@link REFRESH_TOKEN_WITHIN}. */
  refreshTokens: number[];
}

interface Group {
  _id: {
    provider: string;
    environment: string;
    state: AccountState;
    quarantine?: boolean;
    soon: boolean;
    /** Places in the lists of times; the length of the list if the token expires later or never. */
    access: number;
    refresh: number;
  };
  count: number;
}

export class AccountTotals {
  readonly #accounts: Model<AccountDocument>;
  readonly #ids: mongo.Collection<{ _id: string }>;
  readonly #stored: StoredCounts;

  constructor(connection: Connection, stored: StoredCounts) {
    this.#accounts = accountsOfAllOrganisations(connection);
    this.#ids = connection.collection<{ _id: string }>(this.#accounts.collection.name);
    this.#stored = stored;
  }

  /** Counted now if there are few accounts, and otherwise by a worker some time ago. */
  of(now: Date): Promise<Counted<AccountTotal[]>> {
    const { atOnceMax } = this.#stored;
    return this.#stored.serve({ kind: 'totals', organisation: null }, now, async () => {
      const groups = await this.#accounts.aggregate<Group>([
        { $limit: atOnceMax + 1 },
        groupOf(now),
      ]);
      const { counts, size } = summed(groups);
      return { counts, complete: size <= atOnceMax };
    });
  }

  /** Counts all accounts, in ranges. */
  async recount(now: Date, signal: AbortSignal): Promise<Recount<AccountTotal[]>> {
    const groups: Group[] = [];
    for await (const _id of idRanges(this.#ids, {}, signal)) {
      const range = Object.keys(_id).length === 0 ? [] : [{ $match: { _id } }];
      groups.push(...(await this.#accounts.aggregate<Group>([...range, groupOf(now)])));
    }
    return summed(groups);
  }
}

function groupOf(now: Date) {
  return {
    $group: {
      _id: {
        provider: '$provider',
        environment: '$environment',
        state: '$state',
        quarantine: '$quarantine',
        soon: { $lte: [momentOrNever('$expiring_soon_at'), now] },
        access: placeOf('$current.expires_at', ACCESS_TOKEN_WITHIN, now),
        refresh: placeOf('$current.refresh_token_expires_at', REFRESH_TOKEN_WITHIN, now),
      },
      count: { $sum: 1 },
    },
  };
}

/** The place of the first time within which the token expires. Without $switch, which the embedded server does not know. */
function placeOf(moment: string, within: readonly number[], now: Date): object | number {
  return within.reduceRight<object | number>(
    (otherwise, seconds, place) => ({
      $cond: [
        { $lte: [momentOrNever(moment), new Date(now.getTime() + seconds * 1000)] },
        place,
        otherwise,
      ],
    }),
    within.length,
  );
}

function summed(groups: readonly Group[]): Recount<AccountTotal[]> {
  const totals = new Map<string, AccountTotal>();
  for (const { _id, count } of groups) {
    const { provider, environment, state, soon, access, refresh } = _id;
    const status = derivedStatus(state, { hasExpired: access === 0, expiresSoon: soon });
    const key = JSON.stringify([provider, environment, status]);
    const total = totals.get(key) ?? {
      provider,
      environment,
      status,
      accounts: 0,
      quarantined: 0,
      accessTokens: ACCESS_TOKEN_WITHIN.map(() => 0),
      refreshTokens: REFRESH_TOKEN_WITHIN.map(() => 0),
    };
    totals.set(key, total);
    total.accounts += count;
    if (_id.quarantine === true) total.quarantined += count;
    total.accessTokens = total.accessTokens.map((sum, at) => (access <= at ? sum + count : sum));
    total.refreshTokens = total.refreshTokens.map((sum, at) => (refresh <= at ? sum + count : sum));
  }
  const counts = [...totals.values()];
  return { counts, size: counts.reduce((all, { accounts }) => all + accounts, 0) };
}
