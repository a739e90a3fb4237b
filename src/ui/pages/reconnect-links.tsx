/** The form that makes a reconnect link for each account of the filters on the Accounts page. */
import type { z } from 'zod';
import { many, text } from '../list-query';
import { statusWord } from '../parts/account-badges';
import { ACCOUNTS_PATH, AccountsQuery, RECONNECT_LINKS_PATH } from './accounts';

/** Accounts that the page counts; a request may not scan more. */
export const COUNTED_MAX = 2_000;

/** The filters of the page Accounts, or the accounts that are selected there. */
export const LinksQuery = AccountsQuery.omit({ sort: true, column: true, cursor: true }).extend({
  id: many(text(64)),
});
export type LinksQuery = z.infer<typeof LinksQuery>;

/** Without a status, only accounts that need a reconnect; selected accounts have any status. */
export function withStatus(query: LinksQuery): LinksQuery {
  return query.id === undefined && query.status === undefined
    ? { ...query, status: ['needs_reconnect'] }
    : query;
}

/** @param count {@link COUNTED_MAX} stands for that many or more */
export function ReconnectLinks({
  query,
  limit,
  count,
}: {
  query: LinksQuery;
  limit: number;
  count: number;
}) {
  const { id, status, ...others } = query;
  const shown = Object.entries({ ...others, status: status?.map(statusWord) }).flatMap(
    ([name, value]) => (value === undefined ? [] : [[name, value] as const]),
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
            <dt>{name === 'q' ? 'search' : name.replaceAll('_', ' ')}</dt>
            <dd>{[value].flat().map(shownValue).join(', ')}</dd>
          </>
        ))}
        <dt>{id === undefined ? 'accounts' : 'selected accounts'}</dt>
        <dd>{number}</dd>
      </dl>
      {count === 0 ? (
        <p>
          No accounts match these filters. <a href={ACCOUNTS_PATH}>Change them</a>.
        </p>
      ) : (
        <form method="post" action={RECONNECT_LINKS_PATH}>
          {Object.entries(query).flatMap(([name, value]) =>
            (value === undefined ? [] : [value].flat()).map((one) => (
              <input type="hidden" name={name} value={shownValue(one)} />
            )),
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

function shownValue(value: string | Date): string {
  return value instanceof Date ? value.toISOString() : value;
}
