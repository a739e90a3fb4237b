/** The e-mail address of an account's owner, who is asked to reconnect it. Only its encrypted form is stored. */

/** The longest address that a mail server accepts, in characters: RFC 5321 §4.5.3.1.3. */
export const EMAIL_LENGTH_MAX = 254;

export interface OwnerEmail {
  /** Encrypted for the account. */
  sealed: string;
  /** For people. */
  masked: string;
  /** Keyed digest of organisation and address: equal for all accounts of an owner. */
  digest: string;
}

/** `a***@example.com` */
export function maskedEmail(address: string): string {
  const at = address.lastIndexOf('@');
  return `${Array.from(address)[0] ?? ''}***${address.slice(at)}`;
}
