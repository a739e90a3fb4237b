/** The form that makes a reconnect link for each account of the filters on the Accounts page. */
import type { ReconnectLinksInput } from '../../services/connect/reconnect-links';
import { statusWord } from '../parts/account-badges';
import { ACCOUNTS_PATH, RECONNECT_LINKS_PATH } from './accounts';

/** Accounts that the page counts; a request may not scan more. */
export const COUNTED_MAX = 2_000;

/** @param count {@link COUNTED_MAX} stands for that many or more */
export function ReconnectLinks({
  input: { status, provider, environment, kind, q, limit },
  count,
}: {
  input: ReconnectLinksInput;
  count: number;
}) {
  const filters = { status, provider, environment, kind, q };
  const shown = Object.entries({ ...filters, status: statusWord(status) }).filter(
    ([, value]) => value !== undefined,
  );
  const number = count < COUNTED_MAX ? String(count) : `${COUNTED_MAX} or more`;
  return (
    <div class="sign-in">
      <p>
        Evergrant makes a link for each account of these filters. Each link is good for one consent
        within 7 days. Only the file contains the links, so treat it like a list of passwords, and
        send each link to the owner of its account only.
      </p>
      <dl>
        {shown.map(([name, value]) => (
          <>
            <dt>{name === 'q' ? 'search' : name}</dt>
            <dd>{value}</dd>
          </>
        ))}
        <dt>accounts</dt>
        <dd>{number}</dd>
      </dl>
      {count === 0 ? (
        <p>
          No accounts match these filters. <a href={ACCOUNTS_PATH}>Change them</a>.
        </p>
      ) : (
        <form method="post" action={RECONNECT_LINKS_PATH}>
          {Object.entries(filters).map(
            ([name, value]) =>
              value !== undefined && <input type="hidden" name={name} value={value} />,
          )}
          <label>
            File
            <select name="format">
              <option value="csv">CSV</option>
              <option value="jsonl">JSON Lines</option>
            </select>
          </label>
          {count > limit && (
            <p class="muted">
              The file has the first {limit} accounts. For all of them, use{' '}
              <code>evergrant accounts reconnect-links</code>.
            </p>
          )}
          <button class="primary">Make links</button>
        </form>
      )}
    </div>
  );
}
