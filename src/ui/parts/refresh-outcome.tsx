/** How a refresh that somebody asked for ended, as a notice with the way to its entry. */
import type { AttemptOutcome } from '../../domain/refresh-attempt';
import { words } from './account-badges';
import { Notice } from './notice';
import { Moment } from './time';

export function RefreshOutcome({ outcome }: { outcome: AttemptOutcome }) {
  const { logEntryId } = outcome;
  return (
    <Notice kind={KINDS[outcome.outcome]}>
      <Sentence outcome={outcome} />
      {logEntryId !== null && (
        <>
          {' '}
          <a href={`/admin/terminal?entry=${encodeURIComponent(logEntryId)}`}>Its entry</a>
        </>
      )}
    </Notice>
  );
}

const KINDS = { refreshed: 'good', failed: 'bad', skipped: 'note', busy: 'note' } as const;

function Sentence({
  outcome: { outcome, failure, reason, expiresAt },
}: {
  outcome: AttemptOutcome;
}) {
  switch (outcome) {
    case 'refreshed':
      return expiresAt === null ? (
        <>Refreshed.</>
      ) : (
        <>
          Refreshed. The new access token ends <Moment at={new Date(expiresAt)} />.
        </>
      );
    case 'failed':
      return <>{failure?.message ?? `The refresh failed: ${words(reason)}.`}</>;
    case 'skipped':
      return <>Nothing was sent, there was no need: {words(reason)}.</>;
    case 'busy':
      return <>Nothing was sent: another worker is refreshing the account at this moment.</>;
  }
}
