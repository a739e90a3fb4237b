/** Builds the adapter of a provider file: the one implementation of the provider contract for all files. */
import type {
  ConsentInput,
  ConsentRules,
  RevocationForm,
  RevocationRule,
  SubjectRule,
} from '../consent/consent';
import { type Members, valueAt } from '../exchange/answer-members';
import type { CredentialsRules } from '../exchange/credentials-rules';
import type { AccountHost, AccountHosts } from '../exchange/token-endpoint';
import type { ProviderAdapter, Refusal } from '../provider';
import type { TokenValidation } from '../validation/validation-rule';
import { CALLBACK_SIGNATURES } from './hooks';
import { keptHostPatterns, keptOfAnswer, type ProviderFile } from './provider-file';
import { readableAnswer, shapedRequest } from './token-form';

const MINUTE_MS = 60_000;
/** Lifetime of an access token, in seconds, if a file does not know it. */
const UNKNOWN_LIFE_SECONDS = 3600;
/** Longest default margin and sweep interval, in ms. */
const REFRESH_BEFORE_MAX_MS = 10 * MINUTE_MS;
const SWEEP_MAX_MS = 5 * MINUTE_MS;
/** Both as fractions of a short lifetime: a token is due before half of it, and two sweeps fit into the margin. */
const REFRESH_BEFORE_OF_LIFE = 0.4;
const SWEEP_OF_LIFE = 0.2;

export function fileAdapter(file: ProviderFile): ProviderAdapter {
  const { token, answer, lives, errors } = file;
  const host = accountHostOf(file);
  const types = answer.tokenTypes.filter(isLowercase);
  return {
    id: file.id,
    displayName: file.name,
    file,
    defaultPolicy: policyOf(file),
    tokenEndpoints: endpoints(token.url, file),
    ...(token.refreshUrl === undefined
      ? {}
      : { refreshEndpoints: endpoints(token.refreshUrl, file) }),
    defaultEnvironment: 'production',
    ...(host === null ? {} : { accountHost: host }),
    ...(lives.access === 'endless' || lives.alsoEndless ? { nonExpiringTokens: true } : {}),
    defaultAccessTokenLifeSeconds: accessLifeSeconds(file),
    refreshTokenLifeSeconds: refreshLifeSeconds(file),
    ...consentLifeOf(file),
    replayRule: replayRuleOf(file),
    tokenTypes: types,
    omitsTokenType: answer.omitsTokenType,
    scopeSeparator: file.authorization?.scopes.separator ?? ' ',
    ...(answer.scopeSeparator === undefined ? {} : { answerScopeSeparator: answer.scopeSeparator }),
    ...(answer.tokens === undefined ? {} : { tokenPath: answer.tokens }),
    clientAuthenticationMethods: methodsOf(file),
    ...(token.basic === 'form'
      ? {}
      : { clientAuthentication: { client_secret_basic: BASIC_FORMS[token.basic] } }),
    tokenProblem: (text) => tokenProblemOf(file, text),
    refreshTokenWarning: (text) => refreshTokenWarningOf(file, text),
    failureCodes: errors.codes,
    failureCode: (refusal) => failureCodeOf(file, refusal),
    ...(token.redirectUriAtRefresh ? { redirectUriAtRefresh: true } : {}),
    ...(answer.keep.length === 0
      ? {}
      : { keptMembers: keptOfAnswer(file).map(({ path }) => path) }),
    ...keptHostsOf(file),
    ...(errors.path === undefined ? {} : { errorPath: errors.path }),
    refusesWithSuccess: errors.withStatus200 || answer.success !== undefined,
    shapeRequest: (request) => shapedRequest(file, request),
    readableAnswer: (body) => readableAnswer(file, body),
    ...(file.validation === undefined ? {} : { validation: validationOf(file, file.validation) }),
    ...(file.authorization === undefined ? {} : { consent: consentOf(file, file.authorization) }),
    ...(file.grants === undefined ? {} : { grants: grantsOf(file.grants) }),
    ...(file.refusedState === undefined ? {} : { refusedState: file.refusedState }),
  };
}

type Urls = string | Record<string, string>;

/** URLs by environment, with `{account}` in place of the input that is the external id. */
function endpoints(urls: Urls, { inputs }: ProviderFile): Record<string, string> {
  const byEnvironment = typeof urls === 'string' ? { production: urls } : urls;
  const name = Object.entries(inputs).find(([, { externalId }]) => externalId)?.[0];
  return Object.fromEntries(
    Object.entries(byEnvironment).map(([environment, url]) => [
      environment,
      name === undefined ? url : url.replaceAll(`{${name}}`, '{account}'),
    ]),
  );
}

/** Margins that fit the shortest lifetime, unless the file states others. */
function policyOf({ lives, policy, notBefore }: ProviderFile): ProviderAdapter['defaultPolicy'] {
  const lifeMs = typeof lives.access === 'number' ? lives.access : UNKNOWN_LIFE_SECONDS * 1000;
  const refreshBeforeMs =
    policy.refreshBefore ?? Math.min(REFRESH_BEFORE_MAX_MS, lifeMs * REFRESH_BEFORE_OF_LIFE);
  const { refreshAfterAge, validateEvery } = policy;
  return {
    sweepEveryMs: policy.sweepEvery ?? Math.min(SWEEP_MAX_MS, lifeMs * SWEEP_OF_LIFE),
    refreshBeforeMs,
    refreshAfterAgeMs: refreshAfterAge === 'never' ? null : refreshAfterAge,
    validateEveryMs:
      validateEvery === 'never' ? null : validateEvery === 'sweep' ? 0 : validateEvery,
    ...(notBefore === undefined ? {} : { notBeforeMs: notBefore }),
  };
}

function accessLifeSeconds({ lives }: ProviderFile): number {
  return typeof lives.access === 'number' ? lives.access / 1000 : UNKNOWN_LIFE_SECONDS;
}

/**
 * The lifetime of a new refresh token. The idle clock counts only if refreshes return new tokens: otherwise each use
 * extends the token, and no answer says so. A living access token that is exchanged is its own refresh token.
 */
function refreshLifeSeconds({ lives, rotation, renewal }: ProviderFile): number | null {
  if (renewal === 'access_token')
    return typeof lives.access === 'number' ? lives.access / 1000 : null;
  const { refresh } = lives;
  if (refresh === undefined || refresh === 'endless') return null;
  const isRenewed = rotation === 'always' || rotation === 'sometimes';
  const clocks = [refresh.absolute, isRenewed ? refresh.idle : undefined];
  const known = clocks.filter((one) => one !== undefined);
  return known.length === 0 ? null : Math.min(...known) / 1000;
}

function consentLifeOf({
  lives,
  renewal,
}: ProviderFile): Pick<ProviderAdapter, 'consentLifeSeconds'> {
  const { refresh } = lives;
  return renewal !== 'refresh_token' ||
    typeof refresh !== 'object' ||
    refresh.absolute === undefined
    ? {}
    : { consentLifeSeconds: refresh.absolute / 1000 };
}

function replayRuleOf({ replay }: ProviderFile): ProviderAdapter['replayRule'] {
  if (replay === undefined) return { kind: 'never' };
  return typeof replay === 'number' ? { kind: 'within', seconds: replay / 1000 } : { kind: replay };
}

function methodsOf({ token }: ProviderFile): ProviderAdapter['clientAuthenticationMethods'] {
  const [first, ...others] = token.clientAuthentication;
  if (first === undefined) throw new TypeError('a file names at least one method');
  return [first, ...others];
}

type BasicForm = NonNullable<
  NonNullable<ProviderAdapter['clientAuthentication']>['client_secret_basic']
>;

/** The form encoding of RFC 6749 §2.3.1 turns, for example, hyphens into %2D. */
const BASIC_FORMS: Readonly<Record<'plain' | 'secret_only', BasicForm>> = {
  plain: ({ clientId, clientSecret }) => basic(`${clientId}:${clientSecret}`),
  secret_only: ({ clientSecret }) => basic(`${clientSecret}:`),
};

function basic(pair: string): ReturnType<BasicForm> {
  return (_server, _client, _body, headers) => {
    headers.set('authorization', `Basic ${Buffer.from(pair).toString('base64')}`);
  };
}

function tokenProblemOf({ tokenFormat }: ProviderFile, text: string): string | null {
  const rule = tokenFormat.refused.find(
    ({ pattern, unless }) =>
      matches(pattern, text) && (unless === undefined || !matches(unless, text)),
  );
  return rule?.problem ?? null;
}

function refreshTokenWarningOf({ tokenFormat }: ProviderFile, text: string): string | null {
  const rule = tokenFormat.refresh.find(({ pattern, isOwn }) => matches(pattern, text) !== isOwn);
  return rule?.warning ?? null;
}

function failureCodeOf(
  { errors }: ProviderFile,
  { status, words, texts }: Refusal,
): ReturnType<NonNullable<ProviderAdapter['failureCode']>> {
  const rule = errors.rules.find(
    ({ codes, text, status: statuses }) =>
      (codes === undefined || codes.some((code) => words.includes(code))) &&
      (text === undefined || [...texts, ...words].some((one) => matches(text, one))) &&
      (statuses === undefined || statuses.includes(status)),
  );
  return rule?.means;
}

function validationOf(
  file: ProviderFile,
  { url, method, body, headers, judge }: NonNullable<ProviderFile['validation']>,
): TokenValidation {
  return {
    endpoints: endpoints(url, file),
    method,
    ...(body === undefined ? {} : { body }),
    ...(headers === undefined
      ? {}
      : { present: (token, client) => filled(headers, token, client) }),
    judge: (status, members) =>
      judge.find(
        (rule) =>
          rule.status.includes(status) &&
          (rule.error === undefined || members?.['error'] === rule.error) &&
          (rule.notError === undefined || members?.['error'] !== rule.notError) &&
          (rule.text === undefined || matches(rule.text, JSON.stringify(members))),
      )?.means,
  };
}

function filled(
  headers: Readonly<Record<string, string>>,
  accessToken: string,
  { clientId, clientSecret }: { clientId: string; clientSecret: string },
): Record<string, string> {
  const values: Record<string, string> = {
    accessToken,
    clientId,
    clientSecret,
    ':clientSecret': clientSecret === '' ? '' : `:${clientSecret}`,
  };
  return Object.fromEntries(
    Object.entries(headers).map(([name, text]) => [
      name,
      text.replace(/\{(:?[a-zA-Z]+)\}/g, (whole, key: string) => values[key] ?? whole),
    ]),
  );
}

function consentOf(
  file: ProviderFile,
  authorization: NonNullable<ProviderFile['authorization']>,
): ConsentRules {
  const { scopes, pkce, beside, issuer, verify, fragment } = authorization;
  return {
    authorizationEndpoints:
      authorization.url === undefined ? {} : endpoints(authorization.url, file),
    ...(beside === undefined
      ? {}
      : {
          authorizationEndpointBeside: (tokenEndpoint) =>
            tokenEndpoint.endsWith(beside.token)
              ? tokenEndpoint.slice(0, -beside.token.length) + beside.authorization
              : null,
        }),
    ...(issuer === undefined ? {} : { issuers: endpoints(issuer, file) }),
    pkce: pkce === 'S256' ? 'S256' : 'refused',
    parameters: authorization.parameters,
    exchangeParameters: file.token.parameters,
    defaultScopes: scopes.default,
    requiredScopes: scopes.required,
    renamedParameters: authorization.rename,
    ...(fragment === undefined ? {} : { fragment }),
    codeParameter: authorization.code,
    callbackPatterns: Object.entries(authorization.keep).map(
      ([name, { pattern, required, host }]) => ({
        name,
        accepts: (value) =>
          matchesWhole(pattern, value) && (host === undefined || hostIn(value, host) !== null),
        required,
      }),
    ),
    inputs: inputsOf(file),
    subject: subjectOf(file),
    refreshTokenExpected: file.renewal === 'refresh_token',
    ...(verify === undefined ? {} : { verifyCallback: CALLBACK_SIGNATURES[verify].verify }),
    revocation: revocationOf(file),
  };
}

function inputsOf({ inputs }: ProviderFile): ConsentInput[] {
  return Object.entries(inputs).map(([name, input]) => ({
    name,
    label: input.label,
    example: input.example,
    normalise: (text) => storedInput(input, text),
    isExternalId: input.externalId,
  }));
}

type Input = ProviderFile['inputs'][string];

/** Returns the stored form of an entered value, or `null`. */
function storedInput(input: Input, entered: string): string | null {
  const cased = input.lowerCase ? entered.trim().toLowerCase() : entered.trim();
  const groups = input.from === undefined ? null : new RegExp(input.from, 'u').exec(cased);
  const text = groups?.slice(1).find((group) => group !== undefined) ?? cased;
  const whole = input.suffix === undefined || text.includes('.') ? text : text + input.suffix;
  return matchesWhole(input.pattern, whole) ? whole : null;
}

/** The external id is the host, or a part of it. It is checked when a URL is built, however the account was entered. */
function accountHostOf({ inputs }: ProviderFile): AccountHost | null {
  const input = Object.values(inputs).find(({ externalId, host }) => externalId && host);
  if (input === undefined) return null;
  return (externalId) => {
    const text = input.lowerCase ? externalId.toLowerCase() : externalId;
    return matchesWhole(input.pattern, text) ? text : null;
  };
}

function keptHostsOf(file: ProviderFile): Pick<AccountHosts, 'keptHosts'> {
  const patterns = Object.entries(keptHostPatterns(file));
  if (patterns.length === 0) return {};
  return {
    keptHosts: Object.fromEntries(
      patterns.map(([name, pattern]): [string, AccountHost] => [
        name,
        (value) => hostIn(value, pattern),
      ]),
    ),
  };
}

/** The host that a value is, or whose https:// origin it is; `null`: it is neither, or the pattern does not match. */
function hostIn(value: string, pattern: string): string | null {
  const origin = value.startsWith('https://') && URL.canParse(value) ? new URL(value) : null;
  const isOrigin = origin !== null && [origin.origin, origin.href].includes(value);
  const host = isOrigin ? origin.host : value;
  return matchesWhole(pattern, host) ? host : null;
}

function subjectOf(file: ProviderFile): SubjectRule {
  const { identity } = file;
  const label =
    identity !== undefined && 'label' in identity && identity.label !== undefined
      ? { label: identity.label }
      : {};
  switch (identity?.from) {
    case 'id_token':
      return {
        kind: 'id_token',
        ...label,
        ...(identity.issuer === undefined ? {} : { issuer: identity.issuer }),
      };
    case 'answer':
      return { kind: 'answer', path: identity.subject, ...label };
    case 'access_token': {
      const pattern = new RegExp(identity.pattern, 'u');
      return { kind: 'access_token', subjectOf: (token) => pattern.exec(token)?.[1] ?? null };
    }
    case 'callback':
      return { kind: 'callback', parameter: identity.parameter };
    case 'request':
      return {
        kind: 'request',
        endpoints: endpoints(identity.url, file),
        method: identity.method,
        ...(identity.body === undefined ? {} : { body: identity.body }),
        headers: (token, client) => filled(identity.headers, token, client),
        path: identity.subject,
        ...label,
        ...(identity.scope === undefined ? {} : { scope: identity.scope }),
      };
    case 'none':
    case undefined:
      return { kind: 'none' };
  }
}

function revocationOf(file: ProviderFile): RevocationRule {
  const { revocation, name, sources } = file;
  if (revocation?.url === undefined)
    return {
      kind: 'not_supported',
      effect:
        revocation?.effect ??
        `Evergrant knows no revocation of ${name}. The owner can remove the app in the account settings.`,
    };
  const fact = (member: 'accessTokens' | 'otherGrants' | 'installation') => {
    const source = sources[`revocation.${member}`] ?? sources['revocation'] ?? null;
    const [first = null] = Array.isArray(source) ? source : [source];
    return { answer: revocation[member], source: revocation[member] === 'unknown' ? null : first };
  };
  return {
    kind: 'rfc7009',
    endpoints: endpoints(revocation.url, file),
    ...(revocation.request === undefined ? {} : { request: revocationFormOf(revocation.request) }),
    effect: revocation.effect,
    takesAlong: {
      accessTokens: fact('accessTokens'),
      otherGrants: fact('otherGrants'),
      installation: fact('installation'),
    },
  };
}

function revocationFormOf({
  judge,
  ...request
}: NonNullable<NonNullable<ProviderFile['revocation']>['request']>): RevocationForm {
  return {
    ...request,
    judge: (status, members) =>
      judge.find(
        (rule) =>
          rule.status.includes(status) &&
          (rule.path === undefined || hasMember(members ?? {}, rule.path, rule.equals)),
      )?.means,
  };
}

/** Without `equals`, any value counts. */
function hasMember(members: Members, path: string, equals: unknown): boolean {
  const value = valueAt(members, path);
  return equals === undefined ? value !== undefined && value !== null : value === equals;
}

function grantsOf({
  client_credentials,
  jwt_bearer,
}: NonNullable<ProviderFile['grants']>): CredentialsRules {
  return {
    ...(client_credentials === undefined
      ? {}
      : {
          client_credentials: {
            parameters: client_credentials.parameters,
            defaultScopes: client_credentials.scopes,
          },
        }),
    ...(jwt_bearer === undefined
      ? {}
      : {
          jwt_bearer: {
            parameters: jwt_bearer.parameters,
            defaultScopes: jwt_bearer.scopes,
            ...(jwt_bearer.audience === undefined
              ? {}
              : {
                  audiences:
                    typeof jwt_bearer.audience === 'string'
                      ? { production: jwt_bearer.audience }
                      : jwt_bearer.audience,
                }),
            scopes: jwt_bearer.scopesIn,
            lifeSeconds: jwt_bearer.lifetime / 1000,
            subject: jwt_bearer.subject,
            client: jwt_bearer.client,
          },
        }),
  };
}

function matches(pattern: string, text: string): boolean {
  return new RegExp(pattern, 'u').test(text);
}

/** Without the group, `^` and `$` would each bind to one alternative of `^a|b$` only. */
function matchesWhole(pattern: string, text: string): boolean {
  return matches(`^(?:${pattern})$`, text);
}

/** The form of a file accepts no other. */
function isLowercase(text: string): text is Lowercase<string> {
  return text === text.toLowerCase();
}
