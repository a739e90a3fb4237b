/** Admin → Audit: the audited actions in the organisation, newest first, and the verification of their chains. */
import { z } from 'zod';
import { type AuditEntry, isFailure } from '../../domain/audit/audit';
import { AUDIT_CHAINS } from '../../domain/audit/audit-anchor';
import { decodeCursor, encodeCursor } from '../../domain/cursor';
import { ServiceError } from '../../domain/service-error';
import { invalidCursor } from '../../domain/text/messages';
import { shownOrigin } from '../../http/public-origin';
import {
  knownEntry,
  verifyAnchor,
  verifyAudit,
  verifyKnown,
} from '../../services/audit/verify-audit';
import type { UiDependencies } from '../dependencies';
import type { UiApp } from '../env';
import { demandAdmin } from '../guard';
import { showPage } from '../layout';
import { registerList } from '../list-page';
import { many, moment, parsedQuery, pastRange, single, span, text } from '../list-query';
import { AuditVerificationPage, VerificationQuery } from '../pages/audit-verification';
import { words } from '../parts/account-badges';
import { repeatedList, TIME_FILTERS } from '../parts/commands';
import { Copyable } from '../parts/copy';
import { FilterBar, One, PastTimeRange } from '../parts/filter-bar';
import { type Column, ColumnChoice } from '../parts/list';
import { Moment } from '../parts/time';

const PATH = '/admin/audit';
/** Entries of each chain that one verification on the page checks; the command line checks whole chains. */
const VERIFIED_MAX = 5_000;

const Query = z.object({
  actor: single(text(200)),
  /** Several, with commas between them. */
  action: many(text(200)).transform((given) => given?.flatMap((one) => one.split(/\s*,\s*/))),
  result: single(z.literal('failed')),
  since: single(span),
  from: single(moment),
  to: single(moment),
  column: many(text(32)),
  cursor: single(z.string().max(4096)),
});

const COLUMNS: readonly Column<AuditEntry>[] = [
  {
    id: 'action',
    title: 'Action',
    names: true,
    flexible: true,
    value: ({ action }) => action,
    cell: ({ action }) => <code>{action}</code>,
  },
  {
    id: 'at',
    title: 'When',
    value: ({ at }) => at,
    cell: ({ at }) => <Moment at={new Date(at)} />,
  },
  { id: 'actor', title: 'Actor', value: ({ actor }) => actor, cell: ({ actor }) => actor },
  {
    id: 'phase',
    title: 'Phase',
    value: ({ details }) => String(details['phase'] ?? ''),
    cell: (entry) => {
      const { phase, status } = entry.details;
      return (
        <>
          {String(phase ?? '')}
          {status !== undefined && (
            <span class={isFailure(entry) ? 'detail bad' : 'detail'}>{String(status)}</span>
          )}
        </>
      );
    },
  },
  {
    id: 'details',
    title: 'Details',
    flexible: true,
    value: ({ details }) => JSON.stringify(details),
    cell: (entry) => detailsOf(entry),
  },
  {
    id: 'sequence',
    title: 'Sequence',
    value: ({ sequence }) => sequence,
    cell: ({ sequence }) => sequence,
  },
  {
    id: 'hash',
    title: 'Hash',
    optional: true,
    value: ({ hash }) => hash,
    cell: ({ hash }) => <Copyable text={hash} of="the hash" />,
  },
];

const SHOWN_ELSEWHERE = new Set(['phase', 'status', 'members']);
const DETAILS_MAX_CHARACTERS = 160;

/** Members whose names say too little beside their values. */
const TITLES: Readonly<Record<string, string>> = { asked: 'answers entry', made: 'created' };

function detailsOf({ action, details }: AuditEntry): string {
  const joined = Object.entries(details)
    .filter(([name, value]) => !SHOWN_ELSEWHERE.has(name) && !isPathOf(action, name, value))
    .map(([name, value]) => `${TITLES[name] ?? words(name)}: ${[value].flat().join(' ')}`)
    .join(', ');
  return joined.length > DETAILS_MAX_CHARACTERS
    ? `${joined.slice(0, DETAILS_MAX_CHARACTERS)} …`
    : joined;
}

/** The action names the path already, unless the path has ids. */
function isPathOf(action: string, name: string, value: unknown): boolean {
  return name === 'path' && action.endsWith(` ${String(value)}`);
}

export function registerAudit(ui: UiApp, deps: UiDependencies): void {
  const { store, now } = deps;
  const filterOf = (
    organisation: string,
    { actor, action, result, since, from, to }: z.infer<typeof Query>,
  ) => ({
    organisation,
    actor,
    action,
    failed: result === 'failed' ? (true as const) : undefined,
    ...pastRange(since, { from, to }, now()),
  });

  registerList(ui, deps, {
    path: PATH,
    title: 'Audit',
    schema: Query,
    things: ['audit entries', 'audit entry'],
    columns: COLUMNS,
    idOf: ({ sequence }) => String(sequence),
    guard: demandAdmin,
    repeatedBy: (query) =>
      repeatedList({ path: '/api/admin/audit', words: ['audit', 'list'] }, query, {
        actor: { label: 'Actor', option: 'actor' },
        action: { label: 'Action', option: 'action' },
        result: { label: 'Result', option: 'result' },
        ...TIME_FILTERS,
      }),
    placeBefore: ({ sequence }) => encodeCursor(String(sequence + 1)),
    body: ({ sequence, at, actor, action, details, hash, keptUntil }) => ({
      sequence,
      at,
      actor,
      action,
      details,
      hash,
      kept_until: keptUntil,
    }),
    count: ({ organisation }, query, max) =>
      store.auditEntries.count(filterOf(organisation, query), max),
    async page({ organisation }, query, limit) {
      const found = await store.auditEntries.newest({
        ...filterOf(organisation, query),
        before: query.cursor === undefined ? undefined : placeOf(query.cursor),
        limit: limit + 1,
      });
      const rows = found.slice(0, limit);
      const last = found.length > limit ? rows.at(-1) : undefined;
      return { rows, next: last === undefined ? null : encodeCursor(String(last.sequence)) };
    },
    async above(_c, query) {
      return (
        <>
          <FilterBar path={PATH} label="Audit" replaces="#list">
            <label>
              Actor
              <input name="actor" value={query.actor ?? ''} placeholder="id of a key, or jwt:…" />
            </label>
            <label>
              Action
              <input
                name="action"
                value={query.action?.join(', ') ?? ''}
                placeholder="sign-in, POST /api/admin/accounts"
              />
            </label>
            <One
              name="result"
              label="Result"
              chosen={query.result}
              options={{ failed: 'failed' }}
              none="all"
            />
            <PastTimeRange label="Time" query={query} />
            <ColumnChoice columns={COLUMNS} chosen={query.column} />
          </FilterBar>
          <p>
            <a class="button" href={`${PATH}/verification`}>
              Verify the audit
            </a>
          </p>
        </>
      );
    },
  });

  ui.get(`${PATH}/verification`, async (c) => {
    const session = c.get('session');
    demandAdmin(session);
    const query = parsedQuery(c, VerificationQuery);
    const { organisation } = session;
    const chains = await Promise.all(
      AUDIT_CHAINS.filter((chain) => (query.chain ?? chain) === chain).map(async (chain) => {
        const page = await verifyAudit(deps, {
          organisation,
          chain,
          after: query.after ?? 0,
          limit: VERIFIED_MAX,
        });
        const anchor = await verifyAnchor(deps, { organisation, chain }, page.oldestAt);
        return { chain, page, anchor };
      }),
    );
    const known =
      query.known === undefined
        ? undefined
        : await verifyKnown(deps, organisation, knownEntry(query.known));
    return showPage(
      c,
      { title: 'Verification of the audit', section: PATH },
      <AuditVerificationPage
        path={`${PATH}/verification`}
        query={query}
        chains={chains}
        known={known}
        origin={shownOrigin(c, deps.publicUrl)}
      />,
    );
  });
}

/** @throws {ServiceError} `invalid_request` */
function placeOf(cursor: string): number {
  const sequence = Number(decodeCursor(cursor, 1)?.[0]);
  if (!Number.isSafeInteger(sequence))
    throw new ServiceError('invalid_request', invalidCursor('cursor'));
  return sequence;
}
