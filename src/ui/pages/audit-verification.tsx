/** The result of verifying the audit chains of an organisation. */
import { z } from 'zod';
import type { AuditBreak } from '../../domain/audit/audit';
import { AUDIT_CHAINS, type AuditChain } from '../../domain/audit/audit-anchor';
import { cliOption } from '../../domain/text/shell-command';
import type { AnchorVerification, AuditVerification } from '../../services/audit/verify-audit';
import { addressOf, single, text } from '../list-query';
import { Commands } from '../parts/commands';
import { Copyable } from '../parts/copy';
import { FilterBar, One } from '../parts/filter-bar';
import { Notice } from '../parts/notice';
import { numeral } from '../parts/plot';

export const VerificationQuery = z.object({
  chain: single(z.enum(AUDIT_CHAINS)),
  after: single(z.coerce.number<string>('must be the number of an entry').min(0)),
  known: single(text(100)),
});
export type VerificationQuery = z.infer<typeof VerificationQuery>;

interface VerifiedChain {
  chain: AuditChain;
  page: AuditVerification;
  anchor: AnchorVerification;
}

const TITLES: Record<AuditChain, string> = {
  actions: 'Actions',
  'token-accesses': 'Token accesses',
};

interface VerificationProps {
  path: string;
  query: VerificationQuery;
  chains: readonly VerifiedChain[];
  /** The result for the noted entry; `undefined`: none was given. */
  known: AuditBreak | null | undefined;
  origin: string;
}

export function AuditVerificationPage({ path, query, chains, known, origin }: VerificationProps) {
  const api = { after: query.after, accesses_after: query.after, known: query.known };
  const given = Object.entries(api).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, String(value)] as const],
  );
  return (
    <>
      <FilterBar path={path} label="Verification">
        <One name="chain" label="Chain" chosen={query.chain} options={TITLES} none="both" />
        <label>
          After entry
          <input name="after" inputmode="numeric" value={query.after?.toString() ?? ''} />
        </label>
        <label>
          Noted entry
          <input
            name="known"
            value={query.known ?? ''}
            placeholder="<sequence>:<hash>"
            autocomplete="off"
          />
        </label>
      </FilterBar>
      <div class="toolbar">
        <a class="button" href="/admin/audit">
          Back to the audit
        </a>
        <Commands
          origin={origin}
          of="the verification"
          commands={[
            {
              request: {
                path: addressOf('/api/admin/audit/verify', Object.fromEntries(given)),
              },
              words: [
                'audit',
                'verify',
                ...(query.known === undefined ? [] : [cliOption('known', query.known)]),
              ],
              without: [
                ...(query.chain === undefined ? [] : ['Chain']),
                ...(query.after === undefined ? [] : ['After entry']),
              ],
            },
          ]}
        />
      </div>
      {known === null && <Notice kind="good">The noted entry is unchanged.</Notice>}
      {known && <Notice kind="bad">{known.message}</Notice>}
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
                    <Copyable
                      text={`${page.last.sequence}:${page.last.hash}`}
                      of="the last entry"
                    />
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
                Older entries are checked first.{' '}
                <a href={addressOf(path, { chain, after: String(page.next) })}>
                  Check the entries after {page.next}
                </a>
                . <code>evergrant audit verify</code> checks all.
              </p>
            )}
          </section>
        ))}
      </div>
    </>
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
