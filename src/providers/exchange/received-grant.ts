/** Reads a grant from the tokens and members of a response, with warnings about implausible values. */
import type { ProviderValues } from '../../domain/account/grant';
import { SCOPE_LENGTH_MAX, SCOPES_MAX, TOKEN_LENGTH_MAX } from '../../domain/account/grant-bounds';
import { readScopes } from '../../domain/account/scopes';
import {
  accessTokenExpiry,
  type RefreshTokenExpiry,
  refreshTokenExpiry,
} from '../../domain/account/token-lifetime';
import { Secret } from '../../domain/masking/secret';
import type { Provider } from '../provider';
import type { Members } from './answer-members';
import { keptMembers } from './provider-values';
import type { SalvagedTokens } from './salvage-tokens';

/** The grant of a 2xx response, in plaintext until it is encrypted. */
export interface ReceivedGrant {
  accessToken: Secret | null;
  /** `null`: the provider sent none, so the old one stays. */
  refreshToken: Secret | null;
  expiresAt: Date;
  /** Expiry of the new refresh token. For the old one, only if the response states it. */
  refreshTokenExpiry: Pick<RefreshTokenExpiry, 'expiresAt' | 'isStated'>;
  /** The end of the consent if it is given by this exchange. An earlier end takes precedence. Absent: no end is known. */
  refreshTokenEndsAt?: Date;
  /** `null`: the response names no scopes, so the old ones stay. */
  scopes: string[] | null;
  /** Values beside the tokens that the provider file keeps. Absent: the response states none. */
  providerValues?: ProviderValues;
}

/**
 * @param sentAt when the request was sent; lifetimes count from then
 * @param secrets values that must not appear in scopes and provider values, which are stored and shown unmasked
 * @param options.beside the members around the tokens
 * @param options.hasAddress whether stated hosts that are not hosts of the provider are ignored
 */
export function readGrant(
  { accessToken, refreshToken, members }: SalvagedTokens,
  provider: Provider,
  sentAt: Date,
  secrets: readonly string[],
  { beside = members, hasAddress = false }: { beside?: Members; hasAddress?: boolean } = {},
): { grant: ReceivedGrant; warnings: string[] } {
  const expiry = accessTokenExpiry(members, sentAt, provider.accessTokenLifeSeconds);
  const refreshLife = refreshToken === null ? null : provider.refreshTokenLifeSeconds;
  const refreshExpiry = refreshTokenExpiry(members, sentAt, refreshLife);
  const consentLife = refreshToken === null ? undefined : provider.consentLifeSeconds;
  const separator = provider.answerScopeSeparator ?? provider.scopeSeparator;
  const named = readScopes(members['scope'] ?? members['scopes'], separator);
  const scopes = named?.filter(
    (scope) =>
      scope.length <= SCOPE_LENGTH_MAX && !secrets.some((secret) => scope.includes(secret)),
  );
  const isLong = [accessToken, refreshToken].some(
    (token) => token !== null && token.length > TOKEN_LENGTH_MAX,
  );
  const kept = keptMembers(provider.adapter.keptMembers ?? [], beside, secrets);
  const { keptHosts = {} } = provider.adapter;
  const misplaced = Object.entries(kept.values)
    .filter(([name, value]) => hasAddress && keptHosts[name]?.(value) === null)
    .map(([name]) => name);
  const values = Object.fromEntries(
    Object.entries(kept.values).filter(([name]) => !misplaced.includes(name)),
  );
  const isCrowded = (named?.length ?? 0) > Math.min(scopes?.length ?? 0, SCOPES_MAX);
  return {
    grant: {
      accessToken: secretOf(accessToken),
      refreshToken: secretOf(refreshToken),
      expiresAt: expiry.expiresAt,
      refreshTokenExpiry: refreshExpiry,
      ...(consentLife === undefined
        ? {}
        : { refreshTokenEndsAt: new Date(sentAt.getTime() + consentLife * 1000) }),
      scopes: scopes?.slice(0, SCOPES_MAX) ?? null,
      ...(Object.keys(values).length === 0 ? {} : { providerValues: values }),
    },
    warnings: [
      ...(accessToken === null ? [] : expiry.warnings),
      ...refreshExpiry.warnings,
      ...(isLong
        ? [`a token is longer than ${TOKEN_LENGTH_MAX} characters; Evergrant stored it`]
        : []),
      ...(isCrowded
        ? ['Evergrant dropped some scopes: they are too many, too long, or contain a secret']
        : []),
      ...misplaced.map(
        (name) =>
          `Evergrant ignored ${name}: it is not a host of the provider, so the former value stays`,
      ),
      ...kept.dropped.map(
        (name) => `Evergrant dropped ${name}: it is not a short text, or it contains a secret`,
      ),
    ],
  };
}

function secretOf(token: string | null): Secret | null {
  return token === null ? null : new Secret(token);
}
