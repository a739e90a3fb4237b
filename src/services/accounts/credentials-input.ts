/** Validates and encrypts the credentials that a person enters for an account without a person's consent. */
import { z } from '@hono/zod-openapi';
import { type CredentialsGrant } from '../../domain/account/grant-type';
import { ServiceError } from '../../domain/service-error';
import { signingKeyProblem } from '../../providers/exchange/assertion';
import { privateKeyProblem } from '../../providers/exchange/client-authentication';
import {
  type GrantCredentials,
  storedCredentials,
  toCredentials,
} from '../../providers/exchange/grant-credentials';
import type { Provider, ProviderEnvironment } from '../../providers/provider';
import { isCiphertext } from '../../vault/sealing';

const NAME_LENGTH_MAX = 2_000;
/** Longest secret or key, in characters: an RSA key of 16,384 bits in PEM has about 12,500. */
const SECRET_LENGTH_MAX = 20_000;
/** Further claims or parameters. */
const EXTRA_MAX = 20;

const name = z.string().trim().min(1).max(NAME_LENGTH_MAX);
const secret = z
  .string()
  .min(1)
  .max(SECRET_LENGTH_MAX)
  .refine((text) => !isCiphertext(text), 'is ciphertext (ENC:…): use the secret itself');
const extra = z
  .record(z.string().regex(/^[\w.:/-]{1,100}$/), z.string().max(NAME_LENGTH_MAX))
  .refine((members) => Object.keys(members).length <= EXTRA_MAX, `at most ${EXTRA_MAX} members`);

/** The members of a key file of Google. The others are ignored. */
const SERVICE_ACCOUNT = 'service_account';

/** Other members are refused by {@link credentialsOf}, except in a key file of Google, which has more. */
export const CredentialsInput = z
  .looseObject({
    client_id: name.optional().openapi({
      description:
        'The client of the account itself. If omitted, the client of the OAuth app in providers.yaml is used',
    }),
    client_secret: secret.optional(),
    private_key: secret.optional().openapi({
      description:
        'A private key in PEM or JWK format, not encrypted. With jwt_bearer it signs the assertion: RSA (2048 bits or more) or P-256. With client_credentials it authenticates client_id (private_key_jwt)',
    }),
    key_id: name.optional().openapi({ description: 'The id of the key at the provider (kid)' }),
    issuer: name.optional().openapi({
      description: 'jwt_bearer: iss of the assertion. If omitted, client_id',
    }),
    subject: name.optional().openapi({
      description: 'jwt_bearer: sub of the assertion, such as the id of the user to act for',
    }),
    audience: name.optional().openapi({
      description:
        'jwt_bearer: aud of the assertion. If omitted, the audience of the provider, which usually is its token endpoint',
    }),
    claims: extra.optional().openapi({
      description: 'jwt_bearer: further claims of the assertion',
      example: { box_sub_type: 'enterprise' },
    }),
    parameters: extra.optional().openapi({
      description: 'Further parameters of the token request',
      example: { resource: 'https://api.example.com' },
    }),
    type: z.literal(SERVICE_ACCOUNT).optional().openapi({
      description:
        'Set in a key file of a Google service account, which is accepted as it is. client_email becomes issuer, private_key_id becomes key_id, and client_id is not used. subject may be added',
    }),
    client_email: name.optional(),
    private_key_id: name.optional(),
  })
  .openapi('Credentials', {
    description:
      'The credentials of an account with the grant client_credentials or jwt_bearer. They are encrypted before they are stored, and never shown again',
    example: { client_id: 'app-1', client_secret: '…' },
  });

export type EnteredCredentials = z.infer<typeof CredentialsInput>;

const NAMES = [
  'client_id',
  'client_secret',
  'private_key',
  'key_id',
  'issuer',
  'subject',
  'audience',
  'claims',
  'parameters',
] as const;

/** Parameters and claims that Evergrant sets itself. */
const RESERVED = new Set([
  'grant_type',
  'client_id',
  'client_secret',
  'client_assertion',
  'client_assertion_type',
  'assertion',
  'scope',
  'refresh_token',
  'code',
  'iss',
  'sub',
  'aud',
  'exp',
  'iat',
  'nbf',
  'jti',
]);

interface CheckedCredentials {
  /** The text to encrypt. */
  stored: string;
  hasOwnClient: boolean;
}

/**
 * Checks credentials against the rules of the provider, and the key, so that a typing error is found now.
 * @throws {ServiceError} `invalid_request`; its message contains no secret
 */
export function checkedCredentials(
  entered: EnteredCredentials,
  grantType: CredentialsGrant,
  scopes: readonly string[],
  { provider, environment }: { provider: Provider; environment: ProviderEnvironment },
): CheckedCredentials {
  requireSupported(grantType, provider);
  const credentials = credentialsOf(entered, scopes);
  const hasOwnClient =
    grantType === 'client_credentials'
      ? requireClient(credentials, provider, environment)
      : requireAssertion(credentials, provider, environment);
  return { stored: storedCredentials(credentials), hasOwnClient };
}

/** @throws {ServiceError} if the provider does not issue tokens for this grant type */
function requireSupported(grantType: CredentialsGrant, { adapter, id }: Provider): void {
  if (adapter.grants?.[grantType] !== undefined) return;
  const supported = ['refresh_token', ...Object.keys(adapter.grants ?? {})].join(', ');
  throw refusal(`grant: ${id} does not support ${grantType}; it supports: ${supported}`);
}

function credentialsOf(entered: EnteredCredentials, scopes: readonly string[]): GrantCredentials {
  const known = toCredentials(
    Object.fromEntries(Object.entries(entered).filter(([member]) => isName(member))),
  );
  const { type, client_email: email, private_key_id: keyId } = entered;
  const isFile = type === SERVICE_ACCOUNT;
  const unknown = Object.keys(entered).filter((member) => !isName(member));
  if (!isFile && unknown.length > 0) {
    // A name that is not one of an identifier may be a secret in the wrong place.
    const shown = unknown.map((one) => (/^[a-z][a-z0-9_]{0,39}$/i.test(one) ? `"${one}"` : '(…)'));
    throw refusal(`credentials: unknown member ${shown.join(', ')}`);
  }
  for (const [member, extras] of Object.entries({
    claims: known.claims,
    parameters: known.parameters,
  }))
    for (const one of Object.keys(extras ?? {}))
      if (RESERVED.has(one)) throw refusal(`credentials.${member}: Evergrant sets ${one} itself`);
  const requested = scopes.length === 0 ? {} : { scopes: [...scopes] };
  if (!isFile) return { ...known, ...requested };
  // The client id of a key file names the service account, and is no client of the token endpoint.
  const { client_id: _clientId, ...rest } = known;
  return {
    ...rest,
    ...(email === undefined ? {} : { issuer: email }),
    ...(keyId === undefined ? {} : { key_id: keyId }),
    ...requested,
  };
}

function isName(member: string): boolean {
  return NAMES.some((one) => one === member);
}

/** @returns whether the client is the account's own */
function requireClient(
  { client_id, client_secret, private_key, key_id, ...others }: GrantCredentials,
  { adapter, id, applicationTokens }: Provider,
  environment: ProviderEnvironment,
): boolean {
  for (const member of ['issuer', 'subject', 'audience', 'claims'] as const)
    if (others[member] !== undefined) throw refusal(`credentials.${member}: only with jwt_bearer`);
  if (client_id === undefined) {
    const misplaced = client_secret ?? private_key ?? key_id;
    if (misplaced !== undefined)
      throw refusal('credentials.client_id: required with a secret or key');
    if (!environment.isConfidential)
      throw refusal(
        `credentials.client_id: required, because the OAuth app of ${id} in providers.yaml has no secret`,
      );
    if (!applicationTokens)
      throw refusal(
        `credentials.client_id: required, because accounts may not use the OAuth app of ${id}. An operator can allow it in providers.yaml: applicationTokens: true`,
      );
    // They could name the grant of another organisation, because all share the app.
    if (others.parameters !== undefined)
      throw refusal(
        'credentials.parameters: only with client_id. An operator can set parameters of the OAuth app in providers.yaml',
      );
    return false;
  }
  if ((client_secret === undefined) === (private_key === undefined))
    throw refusal('credentials: enter client_secret or private_key with client_id, and not both');
  const problem = private_key === undefined ? null : privateKeyProblem(private_key);
  if (problem !== null) throw refusal(`credentials.private_key: ${problem}`);
  const authentication = environment.authenticationOf({
    clientId: client_id,
    clientSecret: client_secret ?? '',
    ...(private_key === undefined ? {} : { privateKey: private_key }),
  });
  if (authentication === null) {
    const accepted = adapter.clientAuthenticationMethods.join(', ');
    throw refusal(`credentials: ${adapter.displayName} only accepts clients with ${accepted}`);
  }
  return true;
}

/** @returns whether a refused client is the account's own */
function requireAssertion(
  { client_id, client_secret, private_key, issuer, subject }: GrantCredentials,
  { adapter }: Provider,
  { grants, isConfidential }: ProviderEnvironment,
): boolean {
  const rule = grants.jwt_bearer;
  if (private_key === undefined)
    throw refusal('credentials.private_key: required, because it signs the assertion');
  const problem = signingKeyProblem(private_key);
  if (problem !== null) throw refusal(`credentials.private_key: ${problem}`);
  if (subject === undefined && rule?.subject === 'required')
    throw refusal(`credentials.subject: required for ${adapter.displayName}`);
  if (client_secret !== undefined && client_id === undefined)
    throw refusal('credentials.client_id: required with client_secret');
  if (rule?.client === 'required') {
    if (client_id !== undefined && client_secret === undefined)
      throw refusal(
        `credentials.client_secret: required with client_id for ${adapter.displayName}`,
      );
    if (client_id === undefined && !isConfidential)
      throw refusal('credentials.client_id: required, because the OAuth app has no secret');
    return client_id !== undefined;
  }
  if (issuer === undefined && client_id === undefined)
    throw refusal('credentials.issuer: required, unless you send client_id');
  return true;
}

function refusal(message: string): ServiceError {
  return new ServiceError('invalid_request', message);
}
