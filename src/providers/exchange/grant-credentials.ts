/** The credentials of an account without a person, in plaintext: their stored form, and their secret values. */
import type { Client, ClientAuth } from 'oauth4webapi';
import { z } from 'zod';
import { parseObject } from './answer-members';
import { isSecretName } from './provider-values';

const text = z.string().min(1).max(20_000);

/** Names of RFC 6749, RFC 7521 and RFC 7523 are kept. The stored form is JSON of this object. */
const credentialsSchema = z.object({
  /** The account's own client; absent: the OAuth app of the provider's entry. */
  client_id: text.optional(),
  client_secret: text.optional(),
  /** PEM or JWK. It signs the assertion of `jwt_bearer`, and authenticates the own client of `client_credentials`. */
  private_key: text.optional(),
  key_id: text.optional(),
  issuer: text.optional(),
  subject: text.optional(),
  audience: text.optional(),
  scopes: z.array(text).optional(),
  /** Further claims of the assertion. */
  claims: z.record(z.string(), z.string()).optional(),
  /** Further parameters of the request. */
  parameters: z.record(z.string(), z.string()).optional(),
});

export type GrantCredentials = z.output<typeof credentialsSchema>;

/** A client that is an account's own, and how it authenticates. */
export interface OwnClient {
  client: Client;
  clientSecret: string;
  authentication: ClientAuth;
}

/** The stored text is not a form of credentials. */
export class UnreadableCredentialsError extends Error {
  override name = 'UnreadableCredentialsError';
}

/** @returns `null` if the text is not a stored form */
export function readCredentials(stored: string): GrantCredentials | null {
  return credentialsSchema.safeParse(parseObject(stored)).data ?? null;
}

/** @throws if the members are not those of credentials */
export function toCredentials(members: object): GrantCredentials {
  return credentialsSchema.parse(members);
}

/** Writes members in a fixed order, so that equal credentials have equal fingerprints. */
export function storedCredentials(credentials: GrantCredentials): string {
  const members = Object.entries(credentials).filter(([, value]) => value !== undefined);
  return JSON.stringify(Object.fromEntries(members.toSorted(([a], [b]) => (a < b ? -1 : 1))));
}

/** Names such as `requested_token_type`, whose values are no secrets. */
const KIND = /(?:type|format)$/i;

/**
 * The values that must appear nowhere. A key is masked by line, because a text may quote a part of it. A parameter or a
 * claim is a secret by its name, such as a password.
 */
export function secretsOf(credentials: GrantCredentials): string[] {
  const { client_secret, private_key, parameters, claims } = credentials;
  const lines = (private_key ?? '').split(/\\n|\n/).filter((line) => /^[\w+/=]{16,}$/.test(line));
  const extras = [claims, parameters].flatMap((stated = {}) =>
    Object.entries(stated)
      .filter(([name, value]) => value !== '' && isSecretName(name) && !KIND.test(name))
      .map(([, value]) => value),
  );
  return [client_secret, private_key, ...lines, ...extras].filter((one) => one !== undefined);
}
