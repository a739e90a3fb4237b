/** Actions on selected accounts: the preview, which asks for confirmation, and the results. */
import { type Account, AccountState } from '../../domain/account/account';
import { BULK_MAX, type BulkAction, type BulkResult } from '../../services/accounts/bulk-actions';
import { Badge, type Tone } from '../parts/badge';
import { Hidden } from '../parts/form';
import { Notice } from '../parts/notice';
import { numeral } from '../parts/plot';
import { ACCOUNTS_PATH, accountPath, BULK_WORDS } from './accounts';

interface BulkPreviewRow {
  account: Account;
  /** Why the action does not apply; `null`: it applies. */
  obstacle: string | null;
}

const EFFECTS: Record<BulkAction, string> = {
  refresh:
    'Evergrant sends the refresh tokens to the provider now, even if the accounts are not due. If the provider rotates refresh tokens, the current ones become invalid.',
  validate: 'Evergrant asks the provider whether the access tokens work.',
  disable:
    'Evergrant stops refreshing these accounts and serves no tokens for them. The stored tokens are kept, but refresh tokens may expire in the meantime.',
  enable: 'Evergrant refreshes these accounts again and serves their tokens.',
  release:
    'Evergrant refreshes these accounts from now on. Release an account only after the other system has stopped to refresh it.',
};

interface PreviewProps {
  action: BulkAction;
  rows: readonly BulkPreviewRow[];
  /** More accounts match than one action may change. */
  isCut: boolean;
}

export function BulkPreview({ action, rows, isCut }: PreviewProps) {
  const acting = rows.filter(({ obstacle }) => obstacle === null);
  return (
    <>
      <Notice kind="note">{EFFECTS[action]}</Notice>
      {isCut && (
        <Notice kind="bad">
          More than {numeral(BULK_MAX)} accounts match. The action applies to the first{' '}
          {numeral(BULK_MAX)}. Repeat it for the others.
        </Notice>
      )}
      <form method="post" action={`${ACCOUNTS_PATH}/actions/run`} class="bulk">
        <input type="hidden" name="action" value={action} />
        {acting.map(({ account }) => (
          <input type="hidden" name="id" value={account.id} />
        ))}
        {action === 'disable' && (
          <label>
            Reason
            <input name="reason" maxlength={200} required autocomplete="off" />
          </label>
        )}
        <button
          class={action === 'disable' ? 'danger' : 'primary'}
          {...(acting.length === 0 ? { disabled: true } : {})}
        >
          {BULK_WORDS[action]}: {counted(acting.length)}
        </button>
        <a class="button" href={ACCOUNTS_PATH}>
          Cancel
        </a>
      </form>
      <table class="rows">
        <thead>
          <tr>
            <th scope="col">Account</th>
            <th scope="col">Provider</th>
            <th scope="col">Effect</th>
          </tr>
        </thead>
        <tbody>
          {rows.map(({ account, obstacle }) => (
            <tr>
              <Name account={account} />
              <td data-label="Provider">
                {account.provider} <span class="detail">{account.environment}</span>
              </td>
              <td data-label="Effect">
                {obstacle === null ? (
                  BULK_WORDS[action]
                ) : (
                  <span class="muted">Skipped: {obstacle}</span>
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </>
  );
}

const OUTCOMES: Record<BulkResult['outcome'], { tone: Tone; word: string }> = {
  failed: { tone: 'bad', word: 'Failed' },
  skipped: { tone: 'warn', word: 'Skipped' },
  done: { tone: 'good', word: 'Done' },
};
/** Failures first, because they need a person. */
const ORDER = Object.keys(OUTCOMES);

/** The actions that undo others. */
const UNDONE_BY: Partial<Record<BulkAction, BulkAction>> = { disable: 'enable', enable: 'disable' };

export function BulkResults({
  action,
  results,
}: {
  action: BulkAction;
  results: readonly BulkResult[];
}) {
  const sorted = results.toSorted((a, b) => ORDER.indexOf(a.outcome) - ORDER.indexOf(b.outcome));
  const failed = results.filter(({ outcome }) => outcome === 'failed').length;
  const done = results.filter(({ outcome }) => outcome === 'done').length;
  return (
    <>
      <Notice kind={failed === 0 ? 'good' : 'bad'}>
        {counted(done)} done, {numeral(failed)} failed, {numeral(results.length - done - failed)}{' '}
        skipped.
      </Notice>
      <div class="toolbar">
        <a class="button" href={ACCOUNTS_PATH}>
          Back to the accounts
        </a>
        <Undo action={UNDONE_BY[action]} results={results} />
      </div>
      <table class="rows">
        <thead>
          <tr>
            <th scope="col">Account</th>
            <th scope="col">Outcome</th>
            <th scope="col">Result</th>
          </tr>
        </thead>
        <tbody>
          {sorted.map(({ account, outcome, text, logEntryId }) => (
            <tr>
              <Name account={account} />
              <td data-label="Outcome">
                <Badge tone={OUTCOMES[outcome].tone}>{OUTCOMES[outcome].word}</Badge>
              </td>
              <td data-label="Result">
                {text}
                {logEntryId !== null && (
                  <>
                    {' '}
                    <a href={`/admin/terminal?entry=${encodeURIComponent(logEntryId)}`}>
                      Log entry
                    </a>
                  </>
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </>
  );
}

/** Acts on the accounts that were changed, and on no others. */
function Undo({
  action,
  results,
}: {
  action: BulkAction | undefined;
  results: readonly BulkResult[];
}) {
  // The opposite action restores the former state of these accounts only.
  const before = action === 'enable' ? AccountState.active : AccountState.disabled;
  const changed = results.filter(
    ({ outcome, account }) => outcome === 'done' && account.state === before,
  );
  if (action === undefined || changed.length === 0) return null;
  return (
    <form method="post" action={`${ACCOUNTS_PATH}/actions/run`}>
      <Hidden name="action" values={[action]} />
      <Hidden name="reason" values={['An action on several accounts was undone.']} />
      <Hidden name="id" values={changed.map(({ account }) => account.id)} />
      <button>
        Undo: {BULK_WORDS[action].toLowerCase()} {counted(changed.length)}
      </button>
    </form>
  );
}

function Name({ account: { id, label, externalId } }: { account: Account }) {
  return (
    <th scope="row">
      <a href={accountPath(id)}>{label}</a>
      <span class="detail">{externalId}</span>
    </th>
  );
}

function counted(count: number): string {
  return count === 1 ? '1 account' : `${numeral(count)} accounts`;
}
