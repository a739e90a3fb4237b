/** `evergrant audit verify`: verifies the audit chains and prints every break. */
import type { z } from 'zod';
import type { AuditVerificationBody } from '../../api/routes/audit/verify-audit';
import type { Command } from '../command';

type Verification = z.infer<typeof AuditVerificationBody>;
type Chain = Pick<
  Verification,
  'first' | 'last' | 'entries' | 'breaks' | 'breaks_total' | 'anchor' | 'next_after'
>;

/** Maximum number of breaks listed, over all pages of a chain. */
const BREAKS_MAX = 100;

export const auditVerify: Command = {
  words: ['audit', 'verify'],
  summary: 'Whether the audit of your organisation is as it was written; names every break',
  options: {
    operator: { type: 'boolean', help: "the audit of the operators' actions instead" },
    known: {
      type: 'string',
      value: 'sequence:hash',
      help: 'an entry that an earlier run named: it must still be there, as it was',
    },
  },
  async run({ api, out, json, options }) {
    const chain = options.isSet('operator') ? 'operator' : 'organisation';
    let known = options.text('known');
    let all: Verification | null = null;
    for (;;) {
      // A completed chain is checked again for entries appended since.
      const query = {
        chain,
        after: placeIn(all),
        accesses_after: placeIn(all?.token_accesses),
        known,
      } as const;
      // oxlint-disable-next-line no-await-in-loop -- each page begins where the one before ended
      const page: Verification = await api.ask(({ admin }) => admin.audit.verify.$get({ query }));
      all = all === null ? page : joined(all, page);
      known = undefined;
      if (page.next_after === null && page.token_accesses.next_after === null) break;
    }
    if (json) out.json(all);
    else for (const line of told(all)) out.line(line);
    return all.intact ? 0 : 1;
  },
};

function placeIn(chain: Pick<Chain, 'last'> | null | undefined): number {
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

function told({ token_accesses: accesses, ...actions }: Verification): string[] {
  return [
    ...toldOf('Actions', `${actions.entries} entries`, actions),
    ...(actions.last === null
      ? []
      : [`The last: ${actions.last.sequence}:${actions.last.hash} (keep it, for --known)`]),
    ...toldOf(
      'Token accesses',
      `${counted(accesses.accesses, 'access', 'accesses')} in ${counted(accesses.entries, 'batch', 'batches')}`,
      accesses,
    ),
  ];
}

function toldOf(name: string, seen: string, chain: Chain): string[] {
  const { first, last, breaks, breaks_total: total, anchor } = chain;
  const range = first === null || last === null ? '' : ` (${first} to ${last.sequence})`;
  const unnamed = total - breaks.length;
  return [
    last === null
      ? `${name}: there is no entry yet.`
      : `${name}: ${seen} are as they were written${range}.`,
    ...breaks.map(({ sequence, kind, message }) => `Entry ${sequence} is ${kind}: ${message}`),
    ...(unnamed > 0 ? [`… and ${unnamed} more.`] : []),
    ...(anchor.message === null ? [] : [`The anchor in Temporal: ${anchor.message}`]),
  ];
}

function counted(count: number, one: string, many: string): string {
  return count === 1 ? `1 ${one}` : `${count} ${many}`;
}
