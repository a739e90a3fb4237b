/** A connect session in API responses. The link is in no schema but that of its creation. */
import { z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import {
  CONNECT_FAILURES,
  CONNECT_STATUSES,
  type ConnectSession,
  failureAt,
  statusAt,
} from '../../../domain/connect/connect-session';
import { FAILURE_SENTENCES } from '../../../domain/connect/consent-record';
import { publicOrigin } from '../../../http/public-origin';
import type { CreatedSession } from '../../../services/connect/create-session';
import { orNull, time } from '../../openapi/parts';

const FailureBody = z.object({
  code: z.enum(CONNECT_FAILURES),
  message: z.string(),
  detail: z.string().nullable().openapi({ description: 'The provider’s words, masked' }),
});

const SESSION_EXAMPLE = {
  id: 'ccs_4b6f0c2d9e8a7b6c5d4e3f2a',
  status: 'opened' as const,
  status_at: '2026-11-30T12:00:00.000Z',
  failure: null,
  account_id: 'acc_4b6f0c2d9e8a7b6c5d4e3f2a',
  reconnect: false,
  other_account_id: null,
  provider: 'ebay',
  environment: 'production',
  external_id: 'harbour-books',
  label: 'Harbour Books',
  kind: null,
  scopes: null,
  required_scopes: [],
  mode: 'link' as const,
  return_url: null,
  created_by: '4f7f1a526d0b4a55',
  created_at: '2026-11-30T11:58:00.000Z',
  expires_at: '2026-11-30T12:28:00.000Z',
};

export const ConnectSessionBody = z
  .object({
    id: z.string(),
    status: z.enum(CONNECT_STATUSES),
    status_at: time,
    failure: orNull(FailureBody).openapi({
      description: 'The last failure. The link stays usable while the status is opened.',
    }),
    account_id: z.string().openapi({
      description: 'The account of a reconnect, or the id that the new account gets',
    }),
    reconnect: z.boolean(),
    other_account_id: z
      .string()
      .nullable()
      .openapi({ description: 'The account that holds the grant already (already_connected)' }),
    provider: z.string(),
    environment: z.string(),
    external_id: z.string().nullable().openapi({
      description: 'null: the person has not entered it yet',
    }),
    label: z.string().nullable(),
    kind: z.string().nullable(),
    scopes: z
      .array(z.string())
      .nullable()
      .openapi({ description: 'null: the scopes of the provider’s entry' }),
    required_scopes: z.array(z.string()),
    mode: z.enum(['link', 'app']),
    return_url: z.string().nullable(),
    created_by: z.string(),
    created_at: time,
    expires_at: time,
  })
  .openapi('ConnectSession', { example: SESSION_EXAMPLE });

export function connectSessionBody(
  session: ConnectSession,
  now: Date,
): z.infer<typeof ConnectSessionBody> {
  const failure = failureAt(session, now);
  return {
    id: session.id,
    status: statusAt(session, now),
    status_at: session.statusAt.toISOString(),
    failure: failure && {
      code: failure.code,
      message: FAILURE_SENTENCES[failure.code],
      detail: failure.detail,
    },
    account_id: session.accountId,
    reconnect: session.isReconnect,
    other_account_id: session.otherAccountId,
    provider: session.provider,
    environment: session.environment,
    external_id: session.externalId,
    label: session.label,
    kind: session.kind,
    scopes: session.scopes,
    required_scopes: session.requiredScopes,
    mode: session.mode,
    return_url: session.returnUrl,
    created_by: session.createdBy,
    created_at: session.createdAt.toISOString(),
    expires_at: session.expiresAt.toISOString(),
  };
}

export const CreatedSessionBody = ConnectSessionBody.extend({
  url: z.string().openapi({
    description:
      'The link for the owner of the account. Only this response contains it. It is good for one consent.',
    example: 'https://evergrant.example.com/connect/…',
  }),
}).openapi('CreatedConnectSession', {
  example: { ...SESSION_EXAMPLE, url: 'https://evergrant.example.com/connect/…' },
});

export function createdSessionBody(
  c: Context,
  { session, token }: CreatedSession,
  { publicUrl, now }: { publicUrl: URL | null; now: () => Date },
): z.infer<typeof CreatedSessionBody> {
  const url = new URL(`/connect/${token}`, publicOrigin(c, publicUrl)).href;
  return { ...connectSessionBody(session, now()), url };
}

/** The session id in a path; any other text gives a 404. */
export const SessionParams = z.object({
  id: z.string().openapi({
    param: { name: 'id', in: 'path' },
    description: 'The id of the connect session',
    example: 'ccs_4b6f0c2d9e8a7b6c5d4e3f2a',
  }),
});
