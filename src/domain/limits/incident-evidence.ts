/**
 * Evidence for an incident of one OAuth app. Only accounts that were served here before give evidence against the app,
 * and each organisation has one vote, whatever it does and however many accounts it has: the majority decides. The size
 * is bounded by the number of votes that decide, so there is nothing to fill.
 */
import type { RefreshFailure } from '../refresh/refresh-failure';

/** `app`: the provider refuses the app. `outage`: it fails, whatever it is asked. */
export type IncidentKind = 'app' | 'outage';

export interface Evidence {
  /** Answers to requests that were sent earlier are ignored. */
  since: Date;
  failure: RefreshFailure;
  /** Organisations that have proven accounts of the app, up to {@link VOTERS_MAX}. */
  voters: number;
  /** Organisations by their latest answer: `failed` met the failure, `served` contradict it. */
  failed: readonly string[];
  served: readonly string[];
  /** Accounts that met it; none is counted twice, because an account that failed is no longer proven. */
  accounts: number;
  /** Since when accounts of other organisations are asked; `null`: the failures are too few to ask. */
  askedSince: Date | null;
}

export type Verdict = 'incident' | 'refuted' | 'undecided';

/** More organisations than this do not vote: five of them that agree are enough. */
export const VOTERS_MAX = 9;
/** Accounts that must meet a failure, with no success in between. */
const ACCOUNTS: Record<IncidentKind, number> = { app: 1, outage: 5 };
/** How long, in ms, other organisations have to contradict a failure. After that, an uncontradicted failure counts. */
const ASKED_FOR_MS = 30_000;
/** Failures that are further apart than this, in ms, are not one incident. */
const EVIDENCE_FOR_MS = 600_000;

/** The evidence with the failure of one more account. */
export function withFailure(
  given: Evidence | null,
  kind: IncidentKind,
  report: { organisation: string; failure: RefreshFailure; voters: readonly string[] },
  now: Date,
): Evidence {
  const { organisation, failure } = report;
  const before = given !== null && elapsedMs(given.since, now) <= EVIDENCE_FOR_MS ? given : null;
  const failed = [...without(before?.failed ?? [], organisation), organisation];
  const accounts = (before?.accounts ?? 0) + 1;
  const isReason = accounts >= ACCOUNTS[kind];
  const asks = isReason && (before?.askedSince ?? null) === null;
  // An organisation that was served before there was a reason to ask does not contradict it.
  const served = asks ? [] : without(before?.served ?? [], organisation);
  const known = new Set([...report.voters, ...failed, ...served]).size;
  return {
    since: asks || before === null ? now : before.since,
    failure,
    voters: Math.min(Math.max(known, before?.voters ?? 0), VOTERS_MAX),
    failed,
    served,
    accounts,
    askedSince: asks ? now : (before?.askedSince ?? null),
  };
}

/** The evidence with an organisation that contradicts it. */
export function withSuccess(evidence: Evidence, organisation: string): Evidence {
  const failed = without(evidence.failed, organisation);
  return {
    ...evidence,
    failed,
    served: [...without(evidence.served, organisation), organisation],
    accounts: Math.min(evidence.accounts, failed.length),
  };
}

/** Counts the votes. A majority decides at once; where only failing organisations answer, time decides. */
export function verdictOf(
  { failed, served, accounts, voters, askedSince }: Evidence,
  kind: IncidentKind,
  now: Date,
): Verdict {
  const needed = majorityOf(voters);
  const isReason = accounts >= ACCOUNTS[kind];
  if (isReason && failed.length >= needed) return 'incident';
  if (voters - served.length < needed) return 'refuted';
  if (askedSince === null || elapsedMs(askedSince, now) < ASKED_FOR_MS) return 'undecided';
  return isReason && served.length === 0 ? 'incident' : 'refuted';
}

/** How many organisations must agree; one where only one has proven accounts. */
export function majorityOf(voters: number): number {
  return Math.floor(Math.min(Math.max(voters, 1), VOTERS_MAX) / 2) + 1;
}

function without(list: readonly string[], organisation: string): readonly string[] {
  return list.filter((one) => one !== organisation);
}

function elapsedMs(since: Date, now: Date): number {
  return now.getTime() - since.getTime();
}
