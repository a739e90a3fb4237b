/** `evergrant audit verify`: verifies the audit chains and prints every break. */
import type { z } from 'zod';
import type { AuditVerificationBody } from '../../api/routes/audit/verify-audit';
import { noneYet } from '../../domain/text/messages';
import type { Command } from '../command';

type Verification = z.infer<typeof AuditVerificationBody>;
type Chain = Pick<
  Verification,
  'first' | 'last' | 'entries' | 'breaks' | 'breaks_total' | 'anchor' | 'next_after'
>;

/** Maximum number of breaks that are shown, over all pages of a chain. All are counted. */
const BREAKS_MAX = 100;

export const auditVerify: Command = {
  words: ['audit', 'verify'],
  summary: 'Verify that the audit of your organisation is unchanged, and show every break',
  options: {
    operator: { type: 'boolean', help: "verify the operators' actions instead" },
    known: {
      type: 'string',
      value: 'sequence:hash',
      help: 'last entry shown by an earlier run; it must still exist, unchanged',
    },
  },
  async run({ api, out, options }) {
    const chain = options.isSet('operator') ? 'operator' : 'organisation';
    let known = options.text('known');
    let all: Verification | null = null;
    for (;;) {
      // A chain that is complete is requested again, because entries may have been appended since.
      const query = {
        chain,
        after: lastSequence(all),
        accesses_after: lastSequence(all?.token_accesses),
        known,
      } as const;
      // oxlint-disable-next-line no-await-in-loop -- each page starts where the previous page ended
      const page: Verification = await api.ask(({ admin }) => admin.audit.verify.$get({ query }));
      all = all === null ? page : joined(all, page);
      known = undefined;
      if (page.next_after === null && page.token_accesses.next_after === null) break;
    }
    if (out.isForPeople) for (const line of reportOf(all)) out.line(line);
    else out.done(all, '');
    return all.intact ? 0 : 1;
  },
};

function lastSequence(chain: Pick<Chain, 'last'> | null | undefined): number {
  return chain?.last?.sequence ?? 0;
}

function joined(before: Verification, page: Verification): Verification {
  const accesses = before.token_accesses.accesses + page.token_accesses.accesses;
  return {
    ...joinedChain(before, page),
    intact: before.intact && page.intact,
    token_accesses: { ...joinedChain(before.token_accesses, page.token_accesses), accesses },
  };
}

function joinedChain(before: Chain, page: Chain): Chain {
  return {
    first: before.first ?? page.first,
    last: page.last ?? before.last,
    entries: before.entries + page.entries,
    breaks: [...before.breaks, ...page.breaks].slice(0, BREAKS_MAX),
    breaks_total: before.breaks_total + page.breaks_total,
    anchor: before.anchor.state === 'broken' ? before.anchor : page.anchor,
    next_after: page.next_after,
  };
}

function reportOf({ token_accesses: accesses, ...actions }: Verification): string[] {
  return [
    ...chainReport('Actions', `${actions.entries} entries`, actions),
    ...(actions.last === null
      ? []
      : [`Last entry: ${actions.last.sequence}:${actions.last.hash} (keep it for --known)`]),
    ...chainReport(
      'Token accesses',
      `${counted(accesses.accesses, 'access', 'accesses')} in ${counted(accesses.entries, 'batch', 'batches')}`,
      accesses,
    ),
  ];
}

function chainReport(name: string, verified: string, chain: Chain): string[] {
  const { first, last, breaks, breaks_total: total, anchor } = chain;
  const range = first === null || last === null ? '' : ` (${first} to ${last.sequence})`;
  const notShown = total - breaks.length;
  return [
    last === null
      ? `${name}: ${noneYet('entries')}`
      : `${name}: ${verified} are unchanged${range}.`,
    ...breaks.map(({ sequence, kind, message }) => `Entry ${sequence} is ${kind}: ${message}`),
    ...(notShown > 0 ? [`… and ${notShown} more breaks.`] : []),
    ...(anchor.message === null ? [] : [`Anchor in Temporal: ${anchor.message}`]),
  ];
}

function counted(count: number, one: string, many: string): string {
  return count === 1 ? `1 ${one}` : `${count} ${many}`;
}
