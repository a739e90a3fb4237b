/** A session in API responses, without the content of its cookie. */
import { z } from '@hono/zod-openapi';
import { SCOPES } from '../../../domain/access/principal';
import { SIGN_IN_KINDS, type StoredSession } from '../../../store/access/session-records';

export const SessionBody = z
  .object({
    id: z.string().openapi({ description: 'Not secret. DELETE and the audit use this id.' }),
    actor: z.string().openapi({ description: 'The id of an API key, jwt:<sub> or oidc:<sub>' }),
    by: z
      .enum(SIGN_IN_KINDS)
      .openapi({ description: 'The credential with which the person signed in' }),
    scopes: z.array(z.enum(SCOPES)).openapi({ description: 'The scopes at the sign-in' }),
    created_at: z.iso.datetime(),
    seen_at: z.iso.datetime().openapi({ description: 'The last use, accurate to ten minutes' }),
    expires_at: z.iso.datetime(),
  })
  .openapi('Session', {
    example: {
      id: 'ses_8c1f0b7a29d3e465',
      actor: 'oidc:alma',
      by: 'oidc',
      scopes: ['admin'],
      created_at: '2026-11-22T18:20:00.000Z',
      seen_at: '2026-11-22T18:40:12.310Z',
      expires_at: '2026-11-22T19:20:00.000Z',
    },
  });

export function sessionBody(session: StoredSession): z.infer<typeof SessionBody> {
  return {
    id: session.id,
    actor: session.actor,
    by: session.by,
    scopes: [...session.scopes],
    created_at: session.createdAt.toISOString(),
    seen_at: session.seenAt.toISOString(),
    expires_at: session.expiresAt.toISOString(),
  };
}
