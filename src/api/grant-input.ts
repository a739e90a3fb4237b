/** The tokens a person hands in, when an account is connected or connected again. */
import { z } from '@hono/zod-openapi';
import type { SealedGrant } from '../domain/grant';
import { isCiphertext } from '../vault/sealing';
import type { GrantPlace, Vault } from '../vault/vault';

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
  refresh_token: token,
  access_token: token
    .optional()
    .openapi({ description: 'If left out, the account is due at once' }),
  expires_at: z.iso.datetime({ offset: true }).optional().openapi({
    description: 'When the access token ends; if left out, the account is due at once',
  }),
  refresh_token_expires_at: z.iso.datetime({ offset: true }).optional(),
  scopes: z.array(z.string().min(1).max(500)).max(100).optional(),
});

/** Seals what was handed in. A grant whose end nobody knows counts as ended: the first refresh will tell. */
export function sealedGrantOf(
  input: z.infer<typeof GrantInput>,
  { vault, place, now }: { vault: Vault; place: GrantPlace; now: Date },
): SealedGrant {
  const expiresAt = input.access_token === undefined ? undefined : input.expires_at;
  return {
    ...vault.sealGrant(
      { accessToken: input.access_token ?? '', refreshToken: input.refresh_token },
      place,
    ),
    expiresAt: expiresAt === undefined ? now.toISOString() : new Date(expiresAt).toISOString(),
    refreshTokenExpiresAt:
      input.refresh_token_expires_at === undefined
        ? null
        : new Date(input.refresh_token_expires_at).toISOString(),
    scopes: input.scopes ?? [],
    obtainedAt: now.toISOString(),
    attemptId: null,
  };
}
