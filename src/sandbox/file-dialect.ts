/** Makes the dialect of a provider file. It knows only the file, so the adapter of that file is tested against it. */
import type { IncomingHttpHeaders } from 'node:http';
import type { ProviderFile } from '../providers/catalogue/provider-file';
import { signedByShopify } from './callback-signature';
import type { Dialect } from './dialect';
import {
  deadTokenAnswer,
  grantedAnswer,
  personAnswer,
  refusalAnswer,
  statesExpiry,
} from './file-answer';
import { fileAuthorizationRequest, fileTokenRequest } from './file-request';
import { revocationOf } from './file-revocation';
import { tokenMints } from './file-tokens';
import type { Rotation } from './rotation';

const UNKNOWN_LIFE_SECONDS = 3600;
/** Lifetime, in seconds, of a refresh token if the file names no limit. */
const LONG_LIFE_SECONDS = 10 * 365 * 24 * 3600;

/** All paths begin with the id of the file, so that no two dialects share one. */
export function fileDialect(file: ProviderFile): Dialect {
  const { token, lives } = file;
  const revocation = revocationOf(file);
  const mints = tokenMints(file);
  const refresh = typeof lives.refresh === 'object' ? lives.refresh : {};
  const { absolute, idle } = refresh;
  return {
    provider: file.id,
    name: file.name,
    tokenPath: `/${file.id}/token`,
    tokenMethod: token.method,
    ...(token.refreshUrl !== undefined && { refreshPath: `/${file.id}/refresh` }),
    accessTokenLifeSeconds: accessLifeSeconds(file),
    hasFixedLife: !statesExpiry(file),
    refreshTokenLifeSeconds: seconds(idle ?? absolute) ?? LONG_LIFE_SECONDS,
    ...(absolute !== undefined && { grantLifeSeconds: absolute / 1000 }),
    renewsByAccessToken: file.renewal === 'access_token',
    ...(file.notBefore !== undefined && {
      notBefore: {
        seconds: file.notBefore / 1000,
        refused: () => refusalAnswer(file, 'too_early'),
      },
    }),
    defaultScopes: defaultScopes(file),
    rotation: rotationOf(file),
    publicClient: token.clientAuthentication[0] === 'none',
    readTokenRequest: (request) => fileTokenRequest(file, request),
    mintAccessToken: mints.access,
    mintRefreshToken: mints.refresh,
    granted: (grant) => grantedAnswer(file, grant),
    refused: (code) => refusalAnswer(file, code),
    throttled: () => refusalAnswer(file, 'rate_limited'),
    ...resourcesOf(file),
    authorization: authorizationOf(file),
    ...(revocation !== undefined && { revocation }),
  };
}

function seconds(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : ms / 1000;
}

/** The documented answers name the scopes of a file that states none. */
function defaultScopes({ authorization, examples }: ProviderFile): readonly string[] {
  const { default: own = [], required = [] } = authorization?.scopes ?? {};
  const scopes = [...new Set([...own, ...required])];
  return scopes.length > 0 ? scopes : (examples.answers.find((one) => one.scopes)?.scopes ?? []);
}

function accessLifeSeconds({ lives }: ProviderFile): number | null {
  if (lives.access === 'endless') return null;
  return seconds(lives.access) ?? UNKNOWN_LIFE_SECONDS;
}

/** An unknown reaction to a replay is the strict one. `sometimes`: every second use returns a new refresh token. */
function rotationOf({ rotation, replay, lives, examples, renewal }: ProviderFile): Rotation {
  const presented = examples.refresh?.refreshToken;
  const isDocumented = examples.answers.some(
    ({ of, refreshToken }) =>
      of === 'refresh' && refreshToken !== null && refreshToken !== presented,
  );
  const rotates = rotation === undefined ? isDocumented : rotation !== 'never';
  if (!rotates || renewal !== 'refresh_token') return { mode: 'none' };
  const every = rotation === 'sometimes' ? { every: 2 } : {};
  if (typeof replay === 'number') return { mode: 'grace', seconds: replay / 1000, ...every };
  const idle = typeof lives.refresh === 'object' ? seconds(lives.refresh.idle) : undefined;
  switch (replay) {
    case 'safe':
      return { mode: 'tolerant', ...every };
    case 'until_successor_used':
      return { mode: 'until_successor_used', seconds: idle ?? LONG_LIFE_SECONDS, ...every };
    case 'never':
    case undefined:
      return { mode: 'strict', ...every };
  }
}

const BEARER = { authorization: 'Bearer {accessToken}' };

function resourcesOf(file: ProviderFile): Pick<Dialect, 'validation' | 'identity'> {
  const { validation, identity } = file;
  const answers = {
    accepted: (subject: string) => personAnswer(file, subject),
    refused: () => deadTokenAnswer(file),
  };
  return {
    ...(validation !== undefined && {
      validation: {
        ...answers,
        method: validation.method,
        path: `/${file.id}/validation`,
        search: searchOf(validation.url),
        presented: (headers) => tokenIn(validation.headers ?? BEARER, headers),
      },
    }),
    ...(identity?.from === 'request' && {
      identity: {
        ...answers,
        method: identity.method,
        path: `/${file.id}/identity`,
        search: searchOf(identity.url),
        presented: (headers) => tokenIn({ ...BEARER, ...identity.headers }, headers),
      },
    }),
  };
}

function searchOf(url: string | Record<string, string>): string {
  const [first = ''] = typeof url === 'string' ? [url] : Object.values(url);
  return /\?.*$/.exec(first)?.[0] ?? '';
}

/** Returns the access token if all headers are as the file states them. */
function tokenIn(
  stated: Readonly<Record<string, string>>,
  headers: IncomingHttpHeaders,
): string | undefined {
  const found = Object.entries(stated).map(([name, text]) => {
    const value = headers[name.toLowerCase()]?.toString() ?? '';
    const pattern = text
      .replace(/[.*+?^$()|[\]\\]/g, String.raw`\$&`)
      .replace('{accessToken}', String.raw`(?<token>\S+)`)
      .replace(/\{:?[a-zA-Z]+\}/g, '.*');
    return new RegExp(`^${pattern}$`).exec(value);
  });
  if (found.includes(null)) return undefined;
  return found.find((match) => match?.groups?.['token'] !== undefined)?.groups?.['token'];
}

function authorizationOf(file: ProviderFile): Dialect['authorization'] {
  const { authorization, identity, examples, renewal } = file;
  const path = `/${file.id}/authorize`;
  if (authorization === undefined) return { path };
  const { pkce, parameters, scopes, code: codeName, keep, verify } = authorization;
  const accepted = examples.callbacks.find((one) => one.accepted)?.parameters ?? {};
  const kept = Object.fromEntries(
    Object.entries(accepted).filter(([name]) => Object.hasOwn(keep, name)),
  );
  return {
    path,
    ...(Object.values(file.inputs).some((input) => input.externalId) && {
      search: '?account={account}',
    }),
    read: (sent) => fileAuthorizationRequest(file, sent),
    pkce: pkce === 'S256' ? 'required' : 'refused',
    sendsIssuer: authorization.issuer !== undefined,
    callback(sent, subject, clientSecret) {
      const { code, ...rest } = sent;
      const signed = (all: Readonly<Record<string, string>>) =>
        verify === 'shopify_hmac' ? signedByShopify(all, subject, clientSecret) : all;
      if (code === undefined) return signed(sent);
      const named = {
        ...rest,
        [codeName]: code,
        ...kept,
        ...(identity?.from === 'callback' && { [identity.parameter]: subject }),
      };
      return signed(named);
    },
    // Without the extra parameters and required scopes of the file, a provider gives an access token alone.
    givesRefreshToken: (request) =>
      renewal === 'refresh_token' &&
      Object.entries(parameters).every(([name, value]) => request.get(name) === value) &&
      scopes.required.every((scope) => (request.get('scope') ?? '').split(/[ ,]/).includes(scope)),
  };
}
