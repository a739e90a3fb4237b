/** The disconnection of an account in API responses. It names tokens by their fingerprints only. */
import { z } from '@hono/zod-openapi';
import { type Account, AccountState } from '../../../domain/account/account';
import { REVOCATION_RESULTS, TOKEN_PLACES } from '../../../domain/connect/disconnection';
import type { ConfiguredProviders } from '../../../providers/config/configured-providers';
import { FACT_ANSWERS, type RevocationFact } from '../../../providers/consent/consent';
import { revocationNotice } from '../../../services/connect/disconnect';
import { orNull, time } from '../../openapi/parts';

const TokenBody = z.object({
  grant: z.enum(TOKEN_PLACES).openapi({
    description:
      'Where the account stored the token: its current grant, a grant that waits to be tried, a replaced, orphaned or previous grant, or the fallback token',
  }),
  kind: z.enum(['refresh_token', 'access_token']),
  fingerprint: z.string(),
  result: z.enum(REVOCATION_RESULTS).nullable().openapi({
    description:
      'revoked, not_supported (the provider cannot revoke it), refused (by the provider), unknown (no usable response for a day); null: not decided yet',
  }),
  at: time.nullable(),
});

const FactBody = z.object({
  answer: z.enum(FACT_ANSWERS),
  source: z.string().nullable().openapi({ description: 'The page that says so' }),
});

export const DisconnectionBody = z
  .object({
    account_id: z.string(),
    status: z.enum(['connected', 'revoking', 'disconnected']).openapi({
      description:
        'revoking: the account is out of service, and its tokens are being revoked. disconnected: the tokens are deleted.',
    }),
    started_at: time.nullable(),
    started_by: z.string().nullable(),
    finished_at: time.nullable(),
    attempts: z.number().int().openapi({ description: 'Rounds of revocation requests so far' }),
    next_attempt_at: time.nullable(),
    tokens: z.array(TokenBody),
    revocation: z.object({
      supported: z.boolean(),
      effect: z
        .string()
        .openapi({ description: 'The effects of a revocation at this provider, in sentences' }),
      takes_along: orNull(
        z.object({ access_tokens: FactBody, other_grants: FactBody, installation: FactBody }),
      ).openapi({ description: 'null: the provider revokes nothing, or nothing is known' }),
    }),
  })
  .openapi('Disconnection', {
    example: {
      account_id: 'acc_4b6f0c2d9e8a7b6c5d4e3f2a',
      status: 'disconnected',
      started_at: '2026-11-30T12:00:00.000Z',
      started_by: 'key 4f7f1a526d0b4a55',
      finished_at: '2026-11-30T12:00:01.000Z',
      attempts: 1,
      next_attempt_at: null,
      tokens: [
        {
          grant: 'current',
          kind: 'refresh_token',
          fingerprint: 'Wq3nZ0b1Xk9T',
          result: 'revoked',
          at: '2026-11-30T12:00:00.500Z',
        },
      ],
      revocation: {
        supported: true,
        effect: 'A revoked refresh token ends its grant.',
        takes_along: {
          access_tokens: { answer: 'unknown', source: null },
          other_grants: { answer: 'unknown', source: null },
          installation: { answer: 'unknown', source: null },
        },
      },
    },
  });

export function disconnectionBody(
  account: Account,
  providers: ConfiguredProviders,
): z.infer<typeof DisconnectionBody> {
  const { disconnection } = account;
  const { isSupported, effect, takesAlong } = revocationNotice(providers, account);
  return {
    account_id: account.id,
    status: statusOf(account),
    started_at: disconnection?.startedAt.toISOString() ?? null,
    started_by: disconnection?.startedBy ?? null,
    finished_at: disconnection?.finishedAt?.toISOString() ?? null,
    attempts: disconnection?.attempts ?? 0,
    next_attempt_at: disconnection?.nextAttemptAt?.toISOString() ?? null,
    tokens: (disconnection?.tokens ?? []).map(({ at, token: kind, ...rest }) => ({
      ...rest,
      kind,
      at: at?.toISOString() ?? null,
    })),
    revocation: {
      supported: isSupported,
      effect,
      takes_along: takesAlong && {
        access_tokens: factBody(takesAlong.accessTokens),
        other_grants: factBody(takesAlong.otherGrants),
        installation: factBody(takesAlong.installation),
      },
    },
  };
}

function statusOf({ state, disconnection }: Account): z.infer<typeof DisconnectionBody>['status'] {
  if (state !== AccountState.disconnected) return 'connected';
  return disconnection?.finishedAt === null ? 'revoking' : 'disconnected';
}

function factBody({ answer, source }: RevocationFact): z.infer<typeof FactBody> {
  return { answer, source };
}
