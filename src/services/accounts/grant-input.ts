/** Validates and encrypts the tokens that a person enters to connect or reconnect an account. */
import { z } from '@hono/zod-openapi';
import type { SealedFallback, SealedGrant } from '../../domain/account/grant';
import { SCOPE_LENGTH_MAX, SCOPES_MAX, TOKEN_LENGTH_MAX } from '../../domain/account/grant-bounds';
import { holdsCredentials } from '../../domain/account/grant-type';
import { readScopes, type ScopeSeparator } from '../../domain/account/scopes';
import {
  ACCESS_TOKEN_LIFE_MAX_SECONDS,
  judgeAccessTokenExpiry,
  REFRESH_TOKEN_LIFE_MAX_SECONDS,
} from '../../domain/account/token-lifetime';
import { tokenProblem, tokenWarnings } from '../../domain/account/token-text';
import { ServiceError } from '../../domain/service-error';
import type { Provider, ProviderAdapter } from '../../providers/provider';
import { isCiphertext } from '../../vault/sealing';
import type { GrantPlace, Vault } from '../../vault/vault';
import { CredentialsInput, checkedCredentials } from './credentials-input';
import { enteredProviderValues, ProviderValuesInput } from './provider-values-input';

const DAY_SECONDS = 24 * 3600;

const token = z
  .string()
  .min(1)
  .max(TOKEN_LENGTH_MAX)
  .superRefine((text, context) => {
    const problem = isCiphertext(text)
      ? 'is ciphertext (ENC:…): use the token as the provider issued it'
      : tokenProblem(text);
    if (problem !== null) context.addIssue(problem);
  });

export const GrantInput = z.object({
  refresh_token: token.optional().openapi({
    description:
      'The refresh token as the provider issued it: not encrypted, not URL-encoded, without quotes. Omit it only for an access token that does not expire, if the provider issues such tokens',
  }),
  access_token: token
    .optional()
    .openapi({ description: 'The access token. If omitted, the account is due at once' }),
  expires_at: z.iso.datetime({ offset: true }).optional().openapi({
    description:
      'When the access token expires, at most 400 days from now. If omitted, the account is due at once',
  }),
  refresh_token_expires_at: z.iso.datetime({ offset: true }).optional().openapi({
    description:
      'When the refresh token expires, at most 20 years from now. Omit it if the token does not expire or the expiry is unknown',
  }),
  scopes: z
    .union([z.array(z.string()), z.string()], {
      error: 'must be an array of strings, or one text',
    })
    .optional()
    .openapi({
      description:
        'The granted scopes, at most 1,000: an array of strings, or one text. A text is separated as the provider separates scopes (a space, for Shopify a comma, or scopeSeparator of providers.yaml), or an array in JSON or PostgreSQL form: ["a","b"], {a,b}',
      example: ['https://api.ebay.com/oauth/api_scope/sell.inventory'],
    }),
  provider_values: ProviderValuesInput.optional().openapi({
    description:
      'Values that the provider states beside the tokens, by the names in its provider file, such as the host of the account. Omitted values of a reconnected account stay',
    example: { 'accounts-server': 'https://accounts.zoho.eu' },
  }),
  credentials: CredentialsInput.optional().openapi({
    description:
      'Only for accounts with the grant client_credentials or jwt_bearer, in place of the tokens. scopes are then the scopes to request. A change that states only one of the two keeps the other',
  }),
});

/** A static token for when refreshing fails. */
export const FallbackInput = z.object({
  fallback_access_token: token.nullable().optional().openapi({
    description:
      'A static token that is served, with fallback: true, if refreshing fails; null removes it',
  }),
  fallback_expires_at: z.iso.datetime({ offset: true }).nullable().optional().openapi({
    description:
      'When the fallback token expires. If omitted, the expiry is unknown, and the token is served until it is removed',
  }),
});

type GrantMembers = z.infer<typeof GrantInput>;
type FallbackMembers = z.infer<typeof FallbackInput>;

/**
 * Encrypts a fallback token.
 * @param adapter of the account's provider, if it is configured
 * @returns `undefined` leaves the fallback unchanged, `null` removes it
 * @throws {ServiceError} for an expiry without a token, or text that is not a token of the provider
 */
export function sealedFallbackOf(
  input: FallbackMembers,
  {
    adapter,
    vault,
    place,
  }: { adapter: ProviderAdapter | undefined; vault: Vault; place: GrantPlace },
): SealedFallback | null | undefined {
  const { fallback_access_token: accessToken, fallback_expires_at: end } = input;
  requireToken('fallback_access_token', accessToken, adapter);
  if (typeof accessToken === 'string') {
    return {
      ...vault.sealFallback(accessToken, place),
      expiresAt: typeof end === 'string' ? new Date(end).toISOString() : null,
    };
  }
  if (typeof end === 'string') {
    throw new ServiceError(
      'invalid_request',
      'fallback_access_token: required with fallback_expires_at, because both are replaced together',
    );
  }
  return accessToken;
}

/**
 * Encrypts an entered grant. A refreshable grant of unknown expiry counts as expired, so that it is refreshed at once.
 * An access token alone does not expire.
 * @throws {ServiceError} for a grant that could not be kept alive
 */
export function sealedGrantOf(
  input: GrantMembers,
  {
    provider,
    vault,
    place,
    now,
  }: { provider: Provider; vault: Vault; place: GrantPlace; now: Date },
): SealedGrant {
  const { adapter } = provider;
  if (holdsCredentials(place.grantType))
    return sealedCredentialsOf(input, { provider, vault, place, now }).grant;
  if (input.credentials !== undefined)
    throw refusal('credentials: only with the grant client_credentials or jwt_bearer');
  const { access_token: accessToken = null, refresh_token: refreshToken = null } = input;
  if (refreshToken === null) requireNonExpiring(input, adapter);
  requireToken('refresh_token', refreshToken, adapter);
  requireToken('access_token', input.access_token, adapter);
  requireNearExpiry(input, adapter, now);
  const stated = accessToken === null ? undefined : input.expires_at;
  const end = stated === undefined ? now : new Date(stated);
  return {
    ...vault.sealGrant({ accessToken, refreshToken }, place),
    expiresAt: refreshToken === null ? null : end.toISOString(),
    refreshTokenExpiresAt:
      input.refresh_token_expires_at === undefined
        ? null
        : new Date(input.refresh_token_expires_at).toISOString(),
    scopes: scopesOf(input.scopes, provider),
    ...enteredProviderValues(input.provider_values, adapter, [
      ...[accessToken, refreshToken].filter((one) => one !== null),
      ...(provider.environments.get(place.environment)?.secrets ?? []).map((one) => one.reveal()),
    ]),
    obtainedAt: now.toISOString(),
    attemptId: null,
  };
}

/** Members of a grant with tokens, and values that only their responses state. */
const TOKEN_MEMBERS = [
  'provider_values',
  'refresh_token',
  'access_token',
  'expires_at',
  'refresh_token_expires_at',
] as const;

/**
 * Encrypts entered credentials in place of a refresh token. The grant counts as expired, so that a refresh obtains the
 * first access token.
 * @throws {ServiceError} for credentials that the provider does not accept
 */
export function sealedCredentialsOf(
  input: GrantMembers,
  {
    provider,
    vault,
    place,
    now,
  }: { provider: Provider; vault: Vault; place: GrantPlace; now: Date },
): { grant: SealedGrant; hasOwnClient: boolean } {
  const { grantType } = place;
  const environment = provider.environments.get(place.environment);
  if (!holdsCredentials(grantType) || environment === undefined)
    throw new TypeError('the account holds no credentials');
  for (const member of TOKEN_MEMBERS)
    if (input[member] !== undefined)
      throw refusal(`${member}: not with the grant ${grantType}; send credentials`);
  const requested = scopesOf(input.scopes, provider);
  const { stored, hasOwnClient } = checkedCredentials(
    input.credentials ?? {},
    grantType,
    requested,
    { provider, environment },
  );
  const grant = {
    ...vault.sealGrant({ accessToken: null, refreshToken: stored }, place),
    expiresAt: now.toISOString(),
    refreshTokenExpiresAt: null,
    scopes: requested,
    obtainedAt: now.toISOString(),
    attemptId: null,
  };
  return { grant, hasOwnClient };
}

/** @returns likely mistakes in the input, each beginning with the member; the grant is stored nevertheless */
export function grantWarnings(
  input: GrantMembers & FallbackMembers,
  provider: Provider | undefined,
  now: Date,
): string[] {
  const adapter = provider?.adapter;
  const { refresh_token, access_token, refresh_token_expires_at: end } = input;
  const tokens = {
    refresh_token,
    access_token,
    fallback_access_token: input.fallback_access_token,
  };
  const warnings = Object.entries(tokens).flatMap(([member, text]) =>
    tokenWarnings(text ?? '').map((warning) => `${member}: ${warning}`),
  );
  const odd = refresh_token === undefined ? null : adapter?.refreshTokenWarning(refresh_token);
  if (typeof odd === 'string') warnings.push(`refresh_token: ${odd}`);
  if (refresh_token !== undefined && refresh_token === access_token)
    warnings.push('refresh_token: equals access_token');
  if (end !== undefined && new Date(end) <= now)
    warnings.push('refresh_token_expires_at: is in the past, so a refresh will probably fail');
  const separator = provider?.scopeSeparator ?? ' ';
  if (separator === ' ' && scopeList(input.scopes, separator).some((scope) => scope.includes(',')))
    warnings.push('scopes: one contains a comma; separate scopes with a space, or send an array');
  return warnings;
}

function requireToken(
  member: string,
  text: string | null | undefined,
  adapter: ProviderAdapter | undefined,
): void {
  const problem = typeof text === 'string' ? adapter?.tokenProblem?.(text) : null;
  if (typeof problem === 'string') throw refusal(`${member}: ${problem}`);
}

/** Some exports write a far date for "never"; stored as an expiry, it would prevent refreshes until then. */
function requireNearExpiry(input: GrantMembers, adapter: ProviderAdapter, now: Date): void {
  const { expires_at: end, refresh_token_expires_at: refreshEnd } = input;
  if (end !== undefined && judgeAccessTokenExpiry(new Date(end), now) === 'too_far') {
    const days = ACCESS_TOKEN_LIFE_MAX_SECONDS / DAY_SECONDS;
    const instead =
      adapter.nonExpiringTokens === true
        ? 'If the token does not expire, omit expires_at and send only access_token.'
        : 'If the expiry is unknown, omit expires_at; Evergrant then refreshes the account at once.';
    throw refusal(
      `expires_at: is more than ${days} days away, longer than any access token lives. ${instead}`,
    );
  }
  if (refreshEnd === undefined) return;
  const seconds = (Date.parse(refreshEnd) - now.getTime()) / 1000;
  if (seconds > REFRESH_TOKEN_LIFE_MAX_SECONDS) {
    const years = REFRESH_TOKEN_LIFE_MAX_SECONDS / DAY_SECONDS / 365;
    throw refusal(
      `refresh_token_expires_at: is more than ${years} years away. If the refresh token does not expire, omit this member.`,
    );
  }
}

/** @throws {ServiceError} for too many or too long scopes */
function scopesOf(stated: GrantMembers['scopes'], { scopeSeparator }: Provider): string[] {
  const scopes = scopeList(stated, scopeSeparator);
  if (scopes.length > SCOPES_MAX)
    throw refusal(`scopes: ${scopes.length} scopes; the maximum is ${SCOPES_MAX}`);
  if (scopes.some((scope) => scope.length > SCOPE_LENGTH_MAX))
    throw refusal(`scopes: one is longer than ${SCOPE_LENGTH_MAX} characters`);
  return scopes;
}

/** Some exports contain an array whose only element is the whole list. */
function scopeList(stated: GrantMembers['scopes'] = [], separator: ScopeSeparator): string[] {
  const texts = Array.isArray(stated) ? stated : [stated];
  return [...new Set(texts.flatMap((text) => readScopes(text, separator) ?? []))];
}

/** A grant without a refresh token must be an access token that does not expire. */
function requireNonExpiring(
  input: z.infer<typeof GrantInput>,
  { displayName, nonExpiringTokens }: ProviderAdapter,
): void {
  if (nonExpiringTokens !== true)
    throw refusal(`refresh_token: required, because access tokens of ${displayName} expire`);
  if (input.access_token === undefined)
    throw refusal(
      `refresh_token: required, unless you send an access_token of ${displayName} that does not expire`,
    );
  if (input.expires_at !== undefined || input.refresh_token_expires_at !== undefined)
    throw refusal(
      'refresh_token: required for an access token that expires. For one that does not expire, omit expires_at and refresh_token_expires_at',
    );
}

function refusal(message: string): ServiceError {
  return new ServiceError('invalid_request', message);
}
