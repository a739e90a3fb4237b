/** `GET /api/admin/audit/verify`: verifies the organisation's audit chain and names every break. */
import { createRoute, z } from '@hono/zod-openapi';
import type { AuditChain } from '../../../domain/audit/audit-anchor';
import { auditChain, chainQuery } from '../../../http/audit-chain';
import { forScope } from '../../../http/authenticate';
import type { ApiDependencies } from '../../../http/dependencies';
import type { ApiApp } from '../../../http/env';
import { errorResponses } from '../../../http/errors';
import { pageLimit } from '../../../http/paging';
import {
  ANCHOR_STATES,
  type AnchorVerification,
  type AuditVerification,
  BREAKS_MAX,
  KNOWN_ENTRY,
  KNOWN_ENTRY_FORM,
  knownEntry,
  verifyAnchor,
  verifyAudit,
  verifyKnown,
} from '../../../services/audit/verify-audit';

const chainMembers = {
  first: z.number().int().nullable(),
  last: z.object({ sequence: z.number().int(), hash: z.string() }).nullable(),
  entries: z.number().int().openapi({ description: 'The number of unchanged entries' }),
  breaks: z
    .array(
      z.object({
        sequence: z.number().int(),
        kind: z.enum(['edited', 'dropped', 'reordered']),
        message: z.string(),
      }),
    )
    .openapi({
      description: `The first ${BREAKS_MAX} places where the chain was changed. The check continues after each.`,
    }),
  breaks_total: z.number().int(),
  anchor: z
    .object({
      state: z.enum(ANCHOR_STATES).openapi({
        description:
          'matches: the chain contains the entry that is anchored in Temporal. broken: the end of the chain was cut off, or the chain was replaced. none: the chain is too new to have an anchor. missing: Temporal lost the anchor. unreachable: Temporal does not respond.',
      }),
      sequence: z.number().int().nullable(),
      message: z.string().nullable(),
    })
    .openapi({ description: 'The end of the chain, as it is recorded outside MongoDB' }),
  next_after: z
    .number()
    .int()
    .nullable()
    .openapi({ description: 'Where the next check begins. null: the check reached the end.' }),
};

export const AuditVerificationBody = z
  .object({
    intact: z.boolean().openapi({
      description: 'Also false if a chain could not be compared with its anchor',
    }),
    ...chainMembers,
    token_accesses: z.object({ ...chainMembers, accesses: z.number().int() }).openapi({
      description: 'The chain of token accesses. Each of its entries is a batch of accesses.',
    }),
  })
  .openapi('AuditVerification', {
    example: {
      intact: true,
      first: 1,
      last: { sequence: 41, hash: 'k3VhTz0cQe5m…4vCt6yHnE' },
      entries: 41,
      breaks: [],
      breaks_total: 0,
      anchor: { state: 'matches', sequence: 41, message: null },
      next_after: null,
      token_accesses: {
        first: 1,
        last: { sequence: 207, hash: 'p0Qw2Lm8ZrTe…7xUv1aBcD' },
        entries: 207,
        breaks: [],
        breaks_total: 0,
        anchor: { state: 'matches', sequence: 205, message: null },
        next_after: null,
        accesses: 1310,
      },
    },
  });

const known = z.string().regex(KNOWN_ENTRY, KNOWN_ENTRY_FORM).transform(knownEntry);

/** Accepts fractions: a tampered entry may have a fractional sequence, and the check must continue after it. */
const place = (description: string) =>
  z.coerce.number<number>().min(0).default(0).openapi({ type: 'number', description });

const route = createRoute({
  method: 'get',
  path: '/api/admin/audit/verify',
  operationId: 'verifyAudit',
  tags: ['Audit'],
  summary: 'Verify that the audit of your organisation was not changed',
  description:
    'Checks both chains of the audit, actions and token accesses. Reports the entries that were changed, removed or moved, and compares the end of each chain with its anchor in Temporal. Entries past their retention may be missing. Entries of the last seconds may not be anchored yet. With chain=operator, an operator verifies the audit of the actions that concern no organisation.',
  ...forScope('admin', 'operator'),
  request: {
    query: z.object({
      chain: chainQuery,
      after: place('The check begins after this entry: next_after of the previous response'),
      accesses_after: place('The same for token accesses: next_after of token_accesses'),
      limit: pageLimit(5_000, 1_000),
      known: known.optional().openapi({
        type: 'string',
        description:
          'An entry of the actions that you recorded, such as `last` of an earlier verification. The check reports a break if the entry is missing or changed.',
      }),
    }),
  },
  responses: {
    200: {
      description: 'The result, also if a chain is broken',
      content: { 'application/json': { schema: AuditVerificationBody } },
    },
    ...errorResponses,
  },
});

export function registerVerifyAudit(app: ApiApp, deps: ApiDependencies) {
  const verified = async (
    chain: AuditChain,
    organisation: string,
    after: number,
    limit: number,
  ) => {
    const page = await verifyAudit(deps, { organisation, chain, after, limit });
    return { page, anchor: await verifyAnchor(deps, { organisation, chain }, page.oldestAt) };
  };
  return app.openapi(route, async (c) => {
    const { chain, after, accesses_after, limit, known: wanted } = c.req.valid('query');
    const organisation = auditChain(c.get('principal'), chain);
    const [actions, accesses] = await Promise.all([
      verified('actions', organisation, after, limit),
      verified('token-accesses', organisation, accesses_after, limit),
    ]);
    const missed = wanted === undefined ? null : await verifyKnown(deps, organisation, wanted);
    if (missed !== null) {
      actions.page.breaks.push(missed);
      actions.page.breaksTotal += 1;
    }
    return c.json(
      {
        intact: [actions, accesses].every(isIntact),
        ...chainBody(actions),
        token_accesses: { ...chainBody(accesses), accesses: accesses.page.accesses },
      },
      200,
    );
  });
}

interface VerifiedChain {
  page: AuditVerification;
  anchor: AnchorVerification;
}

function isIntact({ page, anchor }: VerifiedChain): boolean {
  return page.breaksTotal === 0 && (anchor.state === 'matches' || anchor.state === 'none');
}

function chainBody({ page, anchor }: VerifiedChain) {
  const { first, last, entries, breaks, breaksTotal, next } = page;
  return { first, last, entries, breaks, breaks_total: breaksTotal, anchor, next_after: next };
}
