/** The tokens a person hands in, when an account is connected or connected again. */
import { z } from '@hono/zod-openapi';
import type { SealedFallback, SealedGrant } from '../domain/grant';
import type { ProviderAdapter } from '../providers/provider';
import { isCiphertext } from '../vault/sealing';
import type { GrantPlace, Vault } from '../vault/vault';
import { ApiError } from './errors';

const token = z
  .string()
  .min(1)
  .max(16_384)
  .refine(
    (text) => !isCiphertext(text),
    'is ciphertext (ENC:…): hand in the token as the provider issued it',
  )
  .refine((text) => text.trim() === text, 'has blanks around it');

export const GrantInput = z.object({
  refresh_token: token.optional().openapi({
    description: 'Left out only for an access token that does not end, where the provider has such',
  }),
  access_token: token
    .optional()
    .openapi({ description: 'If left out, the account is due at once' }),
  expires_at: z.iso.datetime({ offset: true }).optional().openapi({
    description: 'When the access token ends; if left out, the account is due at once',
  }),
  refresh_token_expires_at: z.iso.datetime({ offset: true }).optional(),
  scopes: z.array(z.string().min(1).max(500)).max(100).optional(),
});

/** A static token for when refreshing fails (R3.2). */
export const FallbackInput = z.object({
  fallback_access_token: token.nullable().optional().openapi({
    description: 'Handed out, marked as such, only where refreshing fails; null removes it',
  }),
  fallback_expires_at: z.iso.datetime({ offset: true }).nullable().optional().openapi({
    description:
      'When it ends; if left out, nobody knows, and it is handed out for as long as it stands here',
  }),
});

/**
 * Seals a fallback token.
 * @returns `undefined` where nothing is said about it, `null` where it is to go
 * @throws {ApiError} for an end without a token
 */
export function sealedFallbackOf(
  input: z.infer<typeof FallbackInput>,
  { vault, place }: { vault: Vault; place: GrantPlace },
): SealedFallback | null | undefined {
  const { fallback_access_token: accessToken, fallback_expires_at: end } = input;
  if (typeof accessToken === 'string') {
    return {
      ...vault.sealFallback(accessToken, place),
      expiresAt: typeof end === 'string' ? new Date(end).toISOString() : null,
    };
  }
  if (typeof end === 'string') {
    throw new ApiError(
      'invalid_request',
      'fallback_access_token: needed when its end is given; a fallback is replaced as a whole',
    );
  }
  return accessToken;
}

/**
 * Seals what was handed in. A grant whose end nobody knows counts as ended: the first refresh will tell. An access token
 * alone does not end.
 * @throws {ApiError} for a grant that could not be kept alive
 */
export function sealedGrantOf(
  input: z.infer<typeof GrantInput>,
  {
    adapter,
    vault,
    place,
    now,
  }: { adapter: ProviderAdapter; vault: Vault; place: GrantPlace; now: Date },
): SealedGrant {
  const { access_token: accessToken = '', refresh_token: refreshToken = null } = input;
  if (refreshToken === null) requireEndless(input, adapter);
  const stated = accessToken === '' ? undefined : input.expires_at;
  const end = stated === undefined ? now : new Date(stated);
  return {
    ...vault.sealGrant({ accessToken, refreshToken }, place),
    expiresAt: refreshToken === null ? null : end.toISOString(),
    refreshTokenExpiresAt:
      input.refresh_token_expires_at === undefined
        ? null
        : new Date(input.refresh_token_expires_at).toISOString(),
    scopes: input.scopes ?? [],
    obtainedAt: now.toISOString(),
    attemptId: null,
  };
}

/** Without a refresh token there is only the access token that does not end. */
function requireEndless(
  input: z.infer<typeof GrantInput>,
  { displayName, nonExpiringTokens }: ProviderAdapter,
): void {
  if (nonExpiringTokens !== true)
    throw refusal(`refresh_token: needed, because access tokens of ${displayName} end`);
  if (input.access_token === undefined)
    throw refusal(
      `refresh_token: needed; or, of ${displayName}, the access_token alone if it does not end`,
    );
  if (input.expires_at !== undefined || input.refresh_token_expires_at !== undefined)
    throw refusal(
      'refresh_token: needed for an access token that ends; one that does not is handed in without expires_at and refresh_token_expires_at',
    );
}

function refusal(message: string): ApiError {
  return new ApiError('invalid_request', message);
}
