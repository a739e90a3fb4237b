import type { z } from 'zod';
import type { AuditVerificationBody } from '../../api/routes/verify-audit';
import type { Command } from '../command';

type Verification = z.infer<typeof AuditVerificationBody>;

export const auditVerify: Command = {
  words: ['audit', 'verify'],
  summary: 'Whether the audit of your organisation is as it was written; names the first break',
  options: {
    known: {
      type: 'string',
      value: 'sequence:hash',
      help: 'an entry that an earlier run named: it must still be there, as it was',
    },
  },
  async run({ api, out, json, options }) {
    let known = options.text('known');
    let after: number | null = 0;
    let all: Verification | null = null;
    while (after !== null) {
      // oxlint-disable-next-line no-await-in-loop -- each page begins where the one before ended
      const query = { after, known };
      const page: Verification = await api.ask(({ admin }) => admin.audit.verify.$get({ query }));
      all = joined(all, page);
      known = undefined;
      after = page.break === null ? page.next_after : null;
    }
    if (json) out.json(all);
    else if (all !== null) for (const line of told(all)) out.line(line);
    return all?.intact === true ? 0 : 1;
  },
};

function joined(before: Verification | null, page: Verification): Verification {
  if (before === null) return page;
  return {
    ...page,
    first: before.first,
    last: page.last ?? before.last,
    entries: before.entries + page.entries,
    handouts: before.handouts + page.handouts,
  };
}

function told({ first, last, entries, handouts, break: found }: Verification): string[] {
  const seen = `${entries} entries and ${handouts} token hand-outs are as they were written`;
  const range = first === null || last === null ? '' : ` (${first} to ${last.sequence})`;
  if (found !== null)
    return [`${seen}${range}.`, `Entry ${found.sequence} is ${found.kind}: ${found.message}`];
  return last === null
    ? ['There is no entry yet.']
    : [`${seen}${range}.`, `The last: ${last.sequence}:${last.hash} (keep it, for --known)`];
}
