/** The outcome of a requested refresh or validation, as a notice with a link to its log entry. */
import { type ValidationOutcome, validationSentence } from '../../domain/account/validation';
import { type AttemptOutcome, outcomeSentence } from '../../domain/refresh/refresh-attempt';
import { words } from './account-badges';
import { Notice } from './notice';
import { Moment } from './time';

export function RefreshOutcome({ outcome }: { outcome: AttemptOutcome }) {
  const { logEntryId } = outcome;
  return (
    <Notice kind={KINDS[outcome.outcome]}>
      <Sentence outcome={outcome} />
      <EntryLink id={logEntryId} />
    </Notice>
  );
}

export function ValidationNotice({ outcome: validation }: { outcome: ValidationOutcome }) {
  const { outcome, refresh, logEntryId } = validation;
  if (refresh !== null) return <RefreshOutcome outcome={refresh} />;
  const kind = outcome === 'valid' ? 'good' : outcome === 'invalid' ? 'bad' : 'note';
  return (
    <Notice kind={kind}>
      {outcome === 'valid'
        ? 'The provider accepts the access token.'
        : (validationSentence(validation) ?? `Not validated: ${words(validation.reason)}.`)}
      <EntryLink id={logEntryId} />
    </Notice>
  );
}

function EntryLink({ id }: { id: string | null }) {
  if (id === null) return null;
  return (
    <>
      {' '}
      <a href={`/admin/terminal?entry=${encodeURIComponent(id)}`}>Log entry</a>
    </>
  );
}

const KINDS = {
  refreshed: 'good',
  failed: 'bad',
  skipped: 'note',
  claimed_elsewhere: 'note',
} as const;

function skipReason(reason: string): string {
  return reason === 'fresh' ? 'the access token is still valid' : words(reason);
}

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
          Refreshed. The new access token expires <Moment at={new Date(expiresAt)} />.
        </>
      );
    case 'failed':
      return <>{failure?.message ?? `The refresh failed: ${words(reason)}.`}</>;
    case 'skipped':
      return <>{outcomeSentence({ failure, reason }) ?? `Not refreshed: ${skipReason(reason)}.`}</>;
    case 'claimed_elsewhere':
      return <>Not refreshed: another worker is refreshing this account now.</>;
  }
}
