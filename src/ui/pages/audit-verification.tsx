/** The result of verifying the audit chains of an organisation. */
import type { AuditChain } from '../../domain/audit/audit-anchor';
import type { AnchorVerification, AuditVerification } from '../../services/audit/verify-audit';
import { Notice } from '../parts/notice';
import { numeral } from '../parts/plot';

interface VerifiedChain {
  chain: AuditChain;
  page: AuditVerification;
  anchor: AnchorVerification;
}

const TITLES: Record<AuditChain, string> = {
  actions: 'Actions',
  'token-accesses': 'Token accesses',
};

export function AuditVerificationPage({ chains }: { chains: readonly VerifiedChain[] }) {
  return (
    <div class="columns">
      {chains.map(({ chain, page, anchor }) => (
        <section class="card" aria-labelledby={`${chain}-title`}>
          <h2 id={`${chain}-title`}>{TITLES[chain]}</h2>
          <Verdict page={page} anchor={anchor} />
          <dl class="facts">
            <dt>Unchanged entries</dt>
            <dd>{numeral(page.entries)}</dd>
            {page.last !== null && (
              <>
                <dt>Last entry</dt>
                <dd>
                  <code>{`${page.last.sequence}:${page.last.hash}`}</code>
                </dd>
              </>
            )}
            {anchor.sequence !== null && (
              <>
                <dt>Anchored in Temporal up to</dt>
                <dd>{anchor.sequence}</dd>
              </>
            )}
          </dl>
          {page.breaks.length > 0 && (
            <ul class="sentences">
              {page.breaks.map(({ message }) => (
                <li>{message}</li>
              ))}
            </ul>
          )}
          {page.next !== null && (
            <p class="muted">
              Older entries are checked first. Check the entries after {page.next} with{' '}
              <code>evergrant audit verify</code>.
            </p>
          )}
        </section>
      ))}
    </div>
  );
}

function Verdict({ page, anchor }: Pick<VerifiedChain, 'page' | 'anchor'>) {
  const isIntact =
    page.breaksTotal === 0 && (anchor.state === 'matches' || anchor.state === 'none');
  if (isIntact) return <Notice kind="good">No entry was changed, removed or moved.</Notice>;
  return (
    <Notice kind="bad">
      {page.breaksTotal > 0
        ? `The chain was changed in ${page.breaksTotal} places.`
        : (anchor.message ?? 'The chain could not be compared with its anchor.')}
    </Notice>
  );
}
