/** Validates, encrypts and stores the lines of an import, one batch at a time. */
import { holdsCredentials } from '../../domain/account/grant-type';
import { ServiceError } from '../../domain/service-error';
import type { ConfiguredProviders } from '../../providers/config/configured-providers';
import type { Provider } from '../../providers/provider';
import { identityKey, type NewAccount } from '../../store/accounts/accounts';
import { isDatabaseUnavailable } from '../../store/mongo/unavailability';
import type { Store } from '../../store/store';
import type { Vault } from '../../vault/vault';
import { grantPlace } from '../../vault/vault';
import type { AccountLine } from './account-lines';
import type { EarlierLines } from './earlier-lines';
import { sealedGrantOf } from './grant-input';
import { type AccountInput, NewAccountBody, newAccount } from './new-account';
import {
  enteredRefreshToken,
  RefreshTokenHolders,
  rotates,
  sharedTokenSentence,
} from './shared-refresh-token';

/**
 * `exists`: the account exists and is unchanged. `updated`: the account is in quarantine and now has the line's grant.
 * `valid`: a dry run, in which the line would be stored or found. `uncertain`: MongoDB failed during the write, so the
 * line may be stored or not; it can be sent again.
 */
export const IMPORT_RESULTS = [
  'created',
  'updated',
  'exists',
  'valid',
  'refused',
  'uncertain',
] as const;
type ImportResult = (typeof IMPORT_RESULTS)[number];

export interface ImportOptions {
  organisation: string;
  /** Applies to all lines and overrides their own value. */
  quarantine: boolean;
  dryRun: boolean;
}

export interface LineResult {
  line: number;
  result: ImportResult;
  account_id?: string;
  message?: string;
  /** Likely mistakes in the line, whatever the result. */
  warnings: string[];
}

interface Checked {
  line: number;
  account: NewAccount;
  provider: Provider;
  input: AccountInput;
  warnings: string[];
  /** An earlier line had the same account with the same grant. */
  isRepeated?: true;
}
interface Refused {
  line: number;
  message: string;
  warnings: string[];
}
type Deps = { store: Store; vault: Vault; providers: ConfiguredProviders; now: () => Date };

/**
 * Returns a result for each line, in order.
 * @param earlier the lines of previous batches; these lines are added to it
 */
export async function importLines(
  lines: readonly AccountLine[],
  earlier: EarlierLines,
  options: ImportOptions,
  deps: Deps,
): Promise<LineResult[]> {
  const parsed = lines.map((line) => check(line, options, deps));
  const holders = await holdersOf(parsed.filter(isAccepted), options, deps);
  const checked = parsed.map((one) => (isAccepted(one) ? compare(one, earlier, holders) : one));
  if (options.dryRun) {
    return checked.map((one) =>
      isAccepted(one) ? { line: one.line, result: 'valid', warnings: one.warnings } : refused(one),
    );
  }
  const accepted = checked.filter(isAccepted).filter(({ isRepeated }) => isRepeated !== true);
  const stored = await storeLines(accepted, options, deps);
  return checked.map((one): LineResult => {
    if (!isAccepted(one)) return refused(one);
    const { line, account, warnings } = one;
    const message = stored.late.get(line);
    if (message !== undefined) return refused({ line, message, warnings });
    if (stored.created.has(account.id))
      return { line, result: 'created', account_id: account.id, warnings };
    if (!stored.isComplete) return { line, result: 'uncertain', warnings };
    const id = stored.updated.get(line);
    return id === undefined
      ? { line, result: 'exists', warnings }
      : { line, result: 'updated', account_id: id, warnings };
  });
}

interface Stored {
  /** The ids of the created accounts. */
  created: ReadonlySet<string>;
  /** The ids of the updated accounts, by line. */
  updated: ReadonlyMap<number, string>;
  /** Why lines were refused on write, by line. */
  late: ReadonlyMap<number, string>;
  /** `false` if MongoDB failed in between; then nothing is known of the lines that are not named above. */
  isComplete: boolean;
}

async function storeLines(
  accepted: readonly Checked[],
  options: ImportOptions,
  deps: Deps,
): Promise<Stored> {
  let created: ReadonlySet<string> = new Set();
  try {
    const missing = await deps.store.accounts.createMissing(
      accepted.map(({ account }) => account),
      deps.now(),
    );
    created = missing.created;
    const { heldElsewhere } = missing;
    const there = accepted.filter(
      ({ account: { id } }) => !created.has(id) && !heldElsewhere.has(id),
    );
    const { updated, superseded } = options.quarantine
      ? await update(there, options.organisation, deps)
      : { updated: new Map<number, string>(), superseded: new Set<number>() };
    const late = await lateRefusals(
      accepted.filter(({ line, account }) => heldElsewhere.has(account.id) || superseded.has(line)),
      options,
      deps,
    );
    return { created, updated, late, isComplete: true };
  } catch (error) {
    if (!isDatabaseUnavailable(error)) throw error;
    return { created, updated: new Map(), late: new Map(), isComplete: false };
  }
}

function isAccepted(one: Checked | Refused): one is Checked {
  return 'account' in one;
}

function refused({ line, message, warnings }: Refused): LineResult {
  return { line, result: 'refused', message, warnings };
}

function holdersOf(
  lines: readonly Checked[],
  { organisation }: ImportOptions,
  { store }: Deps,
): Promise<RefreshTokenHolders> {
  return RefreshTokenHolders.of(
    store,
    organisation,
    lines.map(({ account }) => account),
  );
}

/** Compares a line with earlier lines and stored accounts, and remembers it within the limit. */
function compare(
  one: Checked,
  earlier: EarlierLines,
  holders: RefreshTokenHolders,
): Checked | Refused {
  const { line, account, provider, warnings } = one;
  const same = earlier.sameAccount(account);
  if (same !== undefined) {
    return same.isSameGrant
      ? { ...one, isRepeated: true }
      : { line, message: `line ${same.line} has the same account with another token`, warnings };
  }
  const sharers = holdsCredentials(account.grantType)
    ? []
    : [
        ...(holders.other(account) === undefined
          ? []
          : [`account ${holders.other(account)?.id} has the same token`]),
        ...(earlier.sameToken(account) === undefined
          ? []
          : [`line ${earlier.sameToken(account)} has the same token for another account`]),
      ];
  const [sharer] = sharers;
  const sentence = sharer === undefined ? null : sharedTokenSentence(sharer, provider);
  if (sentence !== null && rotates(provider)) return { line, message: sentence, warnings };
  return {
    ...one,
    warnings: [
      ...warnings,
      ...(sentence === null ? [] : [sentence]),
      ...(earlier.remember(line, account) ? [] : [NOT_REMEMBERED]),
    ],
  };
}

const NOT_REMEMBERED =
  'the file has too many lines to compare: from this line on, each line is compared with stored accounts only';

/** Why lines were refused on write: meanwhile, another import or request was given their refresh token. */
async function lateRefusals(
  lines: readonly Checked[],
  options: ImportOptions,
  deps: Deps,
): Promise<Map<number, string>> {
  const holders = await holdersOf(lines, options, deps);
  return new Map(
    lines.map(({ line, account, provider }) => {
      const holder = holders.other(account);
      const holderText = holder === undefined ? 'another account' : `account ${holder.id}`;
      return [line, sharedTokenSentence(`${holderText} has the same token`, provider)];
    }),
  );
}

/**
 * Replaces the grants of accounts in quarantine: the other system still refreshes them, so an imported grant is newer.
 * @returns the ids of the updated accounts, by line; and the lines whose refresh token another account was given in the
 * meantime
 */
async function update(
  lines: readonly Checked[],
  organisation: string,
  { store, vault, now }: Deps,
): Promise<{ updated: Map<number, string>; superseded: Set<number> }> {
  const held = await store.quarantine.find(
    organisation,
    lines.map(({ account }) => account),
  );
  const byKey = new Map(held.map((account) => [identityKey(account), account]));
  const updated = new Map<number, string>();
  const superseded = new Set<number>();
  const replaced = lines.map(async ({ line, account, provider, input }) => {
    const known = byKey.get(identityKey(account));
    if (known === undefined || known.grantType !== (input.grant ?? 'refresh_token')) return;
    if (isSameGrant(known.current, account.grant)) return;
    // Encrypted for the existing account, because a token encrypted for another account does not decrypt.
    const place = grantPlace(known, known.generation + 1);
    const grant = sealedGrantOf(input, { provider, vault, place, now: now() });
    const entered = enteredRefreshToken(grant, provider);
    const outcome = await store.quarantine.replaceGrant(known, grant, entered, now());
    if (outcome === 'replaced') updated.set(line, known.id);
    if (outcome === 'token_held_elsewhere') superseded.add(line);
  });
  await Promise.all(replaced);
  return { updated, superseded };
}

function isSameGrant(one: NewAccount['grant'], other: NewAccount['grant']): boolean {
  return (
    one.accessTokenFingerprint === other.accessTokenFingerprint &&
    one.refreshTokenFingerprint === other.refreshTokenFingerprint
  );
}

function check(
  line: AccountLine,
  { organisation, quarantine }: ImportOptions,
  deps: Deps,
): Checked | Refused {
  if ('problem' in line) return { line: line.line, message: line.problem, warnings: [] };
  const parsed = NewAccountBody.safeParse(line.members);
  if (!parsed.success) {
    const problems = parsed.error.issues.map(
      (issue) => `${issue.path.join('.') || 'line'}: ${issueText(issue)}`,
    );
    return { line: line.line, message: problems.join('; '), warnings: [] };
  }
  const input = quarantine ? { ...parsed.data, quarantine } : parsed.data;
  try {
    return { line: line.line, input, ...newAccount(input, organisation, deps) };
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    return { line: line.line, message: error.message, warnings: [] };
  }
}

/** Without its header line, a CSV's first row of tokens is read as member names, so unknown names are not repeated. */
function issueText(issue: { code: string; message: string; keys?: string[] }): string {
  if (issue.code !== 'unrecognized_keys' || issue.keys === undefined) return issue.message;
  const names = issue.keys.map((key) =>
    /^[a-z][a-z0-9_]{0,39}$/i.test(key) ? `"${key}"` : '(not a name; check the header line)',
  );
  return `unknown member ${names.join(', ')}`;
}
