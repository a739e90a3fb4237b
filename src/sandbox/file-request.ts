/** Parses the requests that a provider file describes: token requests, authorization requests and revocations. */
import type { ProviderFile } from '../providers/catalogue/provider-file';
import type { PresentedRequest, TokenRequest } from './dialect';
import { readAsked, readBasicCredentials } from './token-request';

type TokenForm = ProviderFile['token'];

interface Sent {
  parameters: Map<string, string>;
  isRepeated: boolean;
}

/** Reads a request to the token endpoint. Other names, other bodies and missing extra parameters are not accepted. */
export function fileTokenRequest(file: ProviderFile, request: PresentedRequest): TokenRequest {
  const { token } = file;
  const sent = standardNames(sentParameters(token.body, request), token.rename);
  const { parameters } = sent;
  const grantType = standardGrantType(token, parameters);
  const isRefresh = grantType === 'refresh_token';
  const extra = Object.entries(extraParameters(file, grantType));
  const hasExtra = extra.every(([name, value]) => parameters.has(name) === (value !== ''));
  const hasRedirectUri =
    !isRefresh || !token.redirectUriAtRefresh || parameters.has('redirect_uri');
  const hasHeaders = Object.entries(token.headers).every(
    ([name, value]) => request.headers[name.toLowerCase()] === value,
  );
  const client = clientOf(token, request, parameters);
  const { grantType: _sent, ...asked } = readAsked(parameters);
  return {
    ...asked,
    ...client,
    ...(grantType !== undefined && { grantType }),
    withoutSecret: isRefresh && token.refreshParameters['client_secret'] === '',
    malformed: sent.isRepeated || client.malformed || !hasExtra || !hasHeaders || !hasRedirectUri,
  };
}

function extraParameters(
  { token, grants }: ProviderFile,
  grantType: string | undefined,
): Readonly<Record<string, string>> {
  if (grantType === 'refresh_token') return token.refreshParameters;
  if (grantType === 'authorization_code') return token.parameters;
  const { client_credentials, jwt_bearer } = grants ?? {};
  const rule = grantType === 'client_credentials' ? client_credentials : jwt_bearer;
  return rule?.parameters ?? {};
}

/** Reads a revocation of RFC 7009: always a form with the standard's names. */
export function fileRevocation({ token }: ProviderFile, request: PresentedRequest): TokenRequest {
  const { parameters, isRepeated } = sentParameters('form', request);
  const client = clientOf(token, request, parameters);
  return { ...readAsked(parameters), ...client, malformed: isRepeated || client.malformed };
}

/** Returns the parameters of an authorization request under the names of RFC 6749. */
export function fileAuthorizationRequest(
  { authorization }: ProviderFile,
  sent: URLSearchParams,
): URLSearchParams {
  const names = standardNameOf(authorization?.rename ?? {});
  return new URLSearchParams(
    [...sent].flatMap(([name, value]): [string, string][] => {
      const standard = names(name);
      return standard === undefined ? [] : [[standard, value]];
    }),
  );
}

/** Empty values count as absent. A body of another form has no parameters. */
export function sentParameters(form: TokenForm['body'], request: PresentedRequest): Sent {
  const parameters = new Map<string, string>();
  let isRepeated = false;
  for (const [name, value] of pairsOf(form, request)) {
    if (value === '') continue;
    isRepeated ||= parameters.has(name);
    parameters.set(name, value);
  }
  return { parameters, isRepeated };
}

function pairsOf(form: TokenForm['body'], { contentType, body, query }: PresentedRequest) {
  const mediaType = contentType?.split(';')[0]?.trim().toLowerCase();
  switch (form) {
    case 'query':
      return [...new URLSearchParams(query)];
    case 'form':
      return mediaType === 'application/x-www-form-urlencoded'
        ? [...new URLSearchParams(body)]
        : [];
    case 'json':
      return mediaType === 'application/json' ? jsonPairs(body) : [];
  }
}

function jsonPairs(body: string): [string, string][] {
  try {
    const members: unknown = JSON.parse(body);
    if (typeof members !== 'object' || members === null) return [];
    return Object.entries(members).map(([name, value]) => [name, String(value)]);
  } catch {
    return [];
  }
}

function standardNames({ parameters, isRepeated }: Sent, rename: TokenForm['rename']): Sent {
  const nameOf = standardNameOf(rename);
  const named = [...parameters].flatMap(([name, value]): [string, string][] => {
    const standard = nameOf(name);
    return standard === undefined ? [] : [[standard, value]];
  });
  return { parameters: new Map(named), isRepeated };
}

/** A parameter under its standard name is unknown if the provider has another name for it. */
function standardNameOf(rename: TokenForm['rename']): (name: string) => string | undefined {
  const standard = new Map(Object.entries(rename).map(([own, other]) => [other, own]));
  return (name) => standard.get(name) ?? (Object.hasOwn(rename, name) ? undefined : name);
}

function standardGrantType(
  { parameters: ofCode, refreshParameters }: TokenForm,
  parameters: ReadonlyMap<string, string>,
): string | undefined {
  const sent = parameters.get('grant_type') ?? '';
  const own = {
    refresh_token: refreshParameters['grant_type'] ?? 'refresh_token',
    authorization_code: ofCode['grant_type'] ?? 'authorization_code',
  };
  if (sent === own.refresh_token && parameters.has('refresh_token')) return 'refresh_token';
  if (sent === own.authorization_code) return 'authorization_code';
  if (sent === own.refresh_token) return 'refresh_token';
  return sent === '' || Object.hasOwn(own, sent) ? undefined : sent;
}

type Client = Pick<
  TokenRequest,
  'clientId' | 'clientSecret' | 'secretOnly' | 'assertedClientId' | 'malformed'
>;

/** A request without a secret is accepted only if `none` is the first method of the file. */
function clientOf(
  { clientAuthentication: methods, basic }: TokenForm,
  { authorization }: PresentedRequest,
  parameters: ReadonlyMap<string, string>,
): Client {
  const id = parameters.get('client_id');
  const secret = parameters.get('client_secret');
  if (methods.includes('client_secret_basic') && authorization !== undefined) {
    const credentials = readBasicCredentials(authorization);
    if (basic === 'secret_only')
      return { clientSecret: credentials?.clientId ?? '', secretOnly: true, malformed: false };
    const decoded = basic === 'form' ? formDecoded(credentials) : credentials;
    return { ...decoded, malformed: secret !== undefined };
  }
  const malformed = authorization !== undefined;
  const asserted = assertedClient(parameters.get('client_assertion') ?? '');
  if (methods.includes('private_key_jwt') && asserted !== undefined)
    return { assertedClientId: asserted, malformed };
  return {
    ...(id !== undefined && { clientId: id }),
    ...(methods.includes('client_secret_post') && secret !== undefined && { clientSecret: secret }),
    malformed,
  };
}

/** @see [RFC 6749 section 2.3.1](https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1) */
function formDecoded(credentials: ReturnType<typeof readBasicCredentials>): typeof credentials {
  if (credentials === undefined) return undefined;
  const { clientId, clientSecret } = credentials;
  return { clientId: formText(clientId), clientSecret: formText(clientSecret) };
}

function formText(encoded: string): string {
  return new URLSearchParams(`text=${encoded}`).get('text') ?? '';
}

function assertedClient(assertion: string): string | undefined {
  try {
    const [, claims = ''] = assertion.split('.');
    const { iss, sub } = JSON.parse(Buffer.from(claims, 'base64url').toString('utf8'));
    return typeof iss === 'string' && iss === sub ? iss : undefined;
  } catch {
    return undefined;
  }
}
