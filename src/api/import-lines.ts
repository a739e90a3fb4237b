/** What becomes of the lines of an import: checked, sealed and stored, a batch at a time. */
import type { NewAccount } from '../store/accounts';
import { keyOf } from '../store/quarantine';
import type { AccountLine } from './account-lines';
import type { ApiDependencies } from './dependencies';
import { ApiError } from './errors';
import { sealedGrantOf } from './grant-input';
import { type AccountInput, NewAccountBody, newAccount } from './new-account';

/**
 * `exists`: it is there, and was left as it is. `updated`: it is there, in quarantine, and now has the grant of the
 * line. `valid`: a dry run would have stored it, or found it.
 */
export const IMPORT_RESULTS = ['created', 'updated', 'exists', 'valid', 'refused'] as const;
type ImportResult = (typeof IMPORT_RESULTS)[number];

export interface ImportOptions {
  organisation: string;
  /** Of all lines, whatever a line says itself. */
  quarantine: boolean;
  dryRun: boolean;
}

export interface LineResult {
  line: number;
  result: ImportResult;
  account_id?: string;
  message?: string;
}

type Checked = { line: number; account: NewAccount; input: AccountInput };
type Deps = Pick<ApiDependencies, 'store' | 'vault' | 'providers' | 'now'>;

/** Answers each line, in their order. */
export async function importLines(
  lines: readonly AccountLine[],
  options: ImportOptions,
  deps: Deps,
): Promise<LineResult[]> {
  const checked = lines.map((line) => check(line, options, deps));
  const accepted = checked.filter((one) => 'account' in one);
  if (options.dryRun) {
    return checked.map((one) =>
      'account' in one ? { line: one.line, result: 'valid' } : refused(one),
    );
  }
  const accounts = accepted.map(({ account }) => account);
  const created = await deps.store.accounts.createMissing(accounts, deps.now());
  const there = accepted.filter(({ account }) => !created.has(account.id));
  const updated = options.quarantine ? await update(there, options.organisation, deps) : new Map();
  return checked.map((one): LineResult => {
    if (!('account' in one)) return refused(one);
    const { line, account } = one;
    if (created.has(account.id)) return { line, result: 'created', account_id: account.id };
    const id = updated.get(line);
    return id === undefined
      ? { line, result: 'exists' }
      : { line, result: 'updated', account_id: id };
  });
}

function refused({ line, message }: { line: number; message: string }): LineResult {
  return { line, result: 'refused', message };
}

/**
 * While an account is in quarantine, the other system goes on refreshing it: what is handed in again is newer.
 * @returns the ids of the accounts that were given another grant, by line
 */
async function update(
  lines: readonly Checked[],
  organisation: string,
  { store, vault, providers, now }: Deps,
): Promise<Map<number, string>> {
  const held = await store.quarantine.find(
    organisation,
    lines.map(({ account }) => account),
  );
  const byKey = new Map(held.map((account) => [keyOf(account), account]));
  const updated = new Map<number, string>();
  const replaced = lines.map(async ({ line, account, input }) => {
    const known = byKey.get(keyOf(account));
    const adapter = providers.find(account.provider)?.adapter;
    if (known === undefined || adapter === undefined) return;
    if (isSameGrant(known.current, account.grant)) return;
    // Sealed for the account it belongs to: what was sealed for a new one does not open there.
    const place = { organisation, accountId: known.id };
    const grant = sealedGrantOf(input, { adapter, vault, place, now: now() });
    if (await store.quarantine.replaceGrant(known, grant, now())) updated.set(line, known.id);
  });
  await Promise.all(replaced);
  return updated;
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
): Checked | { line: number; message: string } {
  if ('problem' in line) return { line: line.line, message: line.problem };
  const parsed = NewAccountBody.safeParse(line.members);
  if (!parsed.success) {
    const problems = parsed.error.issues.map(
      (issue) => `${issue.path.join('.') || 'line'}: ${issueText(issue)}`,
    );
    return { line: line.line, message: problems.join('; ') };
  }
  const input = quarantine ? { ...parsed.data, quarantine } : parsed.data;
  try {
    return { line: line.line, input, account: newAccount(input, organisation, deps) };
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return { line: line.line, message: error.message };
  }
}

/** The keys of a CSV without its header line are the tokens of its first account: an unknown one is not repeated. */
function issueText(issue: { code: string; message: string; keys?: string[] }): string {
  if (issue.code !== 'unrecognized_keys' || issue.keys === undefined) return issue.message;
  const names = issue.keys.map((key) =>
    /^[a-z][a-z0-9_]{0,39}$/i.test(key) ? `"${key}"` : '(not a name: is the header line missing?)',
  );
  return `unknown member ${names.join(', ')}`;
}
