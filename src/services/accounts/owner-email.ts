/** Validates and encrypts the e-mail address of an account's owner. */
import { z } from '@hono/zod-openapi';
import { EMAIL_LENGTH_MAX, maskedEmail, type OwnerEmail } from '../../domain/account/owner-email';
import type { Vault } from '../../vault/vault';

export const OwnerEmailInput = z
  .email('is not an e-mail address')
  .max(EMAIL_LENGTH_MAX)
  .nullable()
  .optional()
  .openapi({
    description:
      'The address of the owner, who gets a reconnect link if SMTP_URL is set and the account needs a reconnect. Stored encrypted, and shown masked. null removes it.',
    example: 'owner@example.com',
  });

/** `undefined` and `null` stay as they are: unchanged, and removed. */
export function sealedOwnerEmail(
  address: string | null | undefined,
  vault: Pick<Vault, 'sealOwnerEmail' | 'authenticationCode'>,
  { organisation, id }: { organisation: string; id: string },
): OwnerEmail | null | undefined {
  if (address === null || address === undefined) return address;
  return {
    sealed: vault.sealOwnerEmail(address, { organisation, accountId: id }),
    masked: maskedEmail(address),
    digest: vault.authenticationCode(
      'owner_email',
      JSON.stringify([organisation, address.toLowerCase()]),
    ),
  };
}
