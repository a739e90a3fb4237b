/** Describes a provider file to people: its facts in plain words, each with its sources, for commands, pages and documents. */
import { asConfigured } from '../../domain/text/time-text';
import { keptOfAnswer, type ProviderFile } from './provider-file';

/** One fact of a file. */
interface Fact {
  /** The field of the file, such as `lives.refresh`. */
  field: string;
  title: string;
  /** `null`: the file does not state it. */
  value: string | null;
  /** URLs of the pages that state it. */
  sources: string[];
  /** The file names the field in `unknown`: without a value it is not known, and with one it is an assumption. */
  isUnknown: boolean;
}

/** The groups in which facts are shown, in this order. */
export interface FactGroup {
  title: string;
  facts: Fact[];
}

/** Returns the facts that a file states or names in `unknown`. */
export function factGroups(file: ProviderFile): FactGroup[] {
  const { authorization, token, answer, errors, revocation, validation, limits, api } = file;
  const groups: [string, [string, string, string | null][]][] = [
    [
      'Consent',
      [
        ['Authorization endpoint', 'authorization.url', addresses(authorization?.url)],
        ['Parameters', 'authorization.parameters', pairs(authorization?.parameters)],
        ['Default scopes', 'authorization.scopes.default', list(authorization?.scopes.default)],
        ['Required scopes', 'authorization.scopes.required', list(authorization?.scopes.required)],
        ['PKCE', 'authorization.pkce', pkceOf(file)],
        ['Renamed parameters', 'authorization.rename', pairs(authorization?.rename)],
        ['Inputs of the owner', 'inputs', list(Object.values(file.inputs).map((one) => one.label))],
        ['Person who consents', 'identity', identityOf(file)],
      ],
    ],
    [
      'Tokens',
      [
        ['Token endpoint', 'token.url', addresses(token.url)],
        ['Refresh endpoint', 'token.refreshUrl', addresses(token.refreshUrl)],
        ['Client authentication', 'token.clientAuthentication', list(token.clientAuthentication)],
        ['Form of requests', 'token.body', token.body === 'form' ? null : token.body],
        ['Tokens in a response', 'answer.tokens', answer.tokens ?? null],
        ['Kept for applications', 'answer.keep', list(keptNames(file))],
        ['Grants without a person', 'grants', list(Object.keys(file.grants ?? {}).map(grantName))],
        ['Renewal', 'renewal', renewalOf(file)],
        ['Access token lives', 'lives.access', accessLife(file)],
        ['Refresh token lives', 'lives.refresh', refreshLife(file)],
        ['Rotation', 'rotation', file.rotation ?? null],
        ['Refresh token sent twice', 'replay', replayOf(file)],
        ['Refused earlier than', 'notBefore', beforeExpiry(file.notBefore)],
      ],
    ],
    [
      'Errors, validation and revocation',
      [
        ['Error codes', 'errors', errorsOf(errors)],
        ['Validation endpoint', 'validation', addresses(validation?.url)],
        ['Revocation endpoint', 'revocation.url', addresses(revocation?.url)],
        ['Request of a revocation', 'revocation.request', revocationRequestOf(file)],
        ['Effect of a revocation', 'revocation.effect', revocation?.effect ?? null],
        ['It revokes access tokens', 'revocation.accessTokens', answerOf(revocation?.accessTokens)],
        ['It ends other grants', 'revocation.otherGrants', answerOf(revocation?.otherGrants)],
        ['It removes the app', 'revocation.installation', answerOf(revocation?.installation)],
      ],
    ],
    [
      'API and limits',
      [
        ['API', 'api', addresses(api?.url)],
        ['Header with the token', 'api.header', api?.header ?? null],
        ['Notes about the API', 'api.notes', api?.notes ?? null],
        ['Limit of the token endpoint', 'limits.token', limits?.token ?? null],
        ['Limit of the API', 'limits.api', limits?.api ?? null],
        ['Grants per person', 'limits.grants', limits?.grants ?? null],
      ],
    ],
  ];
  const shown = groups.map(([title, facts]) => ({
    title,
    facts: facts
      .filter(([, field, value]) => value !== null || file.unknown.includes(field))
      .map(([name, field, value]) => factOf(file, name, field, value)),
  }));
  return shown.filter(({ facts }) => facts.length > 0);
}

function factOf(file: ProviderFile, title: string, field: string, value: string | null): Fact {
  return {
    field,
    title,
    value,
    sources: value === null ? [] : sourcesOf(file, field),
    isUnknown: file.unknown.some((name) => isWithin(field, name)),
  };
}

/** The sources of a field, of the closest group that names it, or else of its members. */
function sourcesOf({ sources }: ProviderFile, field: string): string[] {
  const names = Object.keys(sources);
  const above = names
    .filter((name) => isWithin(field, name))
    .toSorted((a, b) => b.length - a.length)
    .slice(0, 1);
  const chosen = above.length > 0 ? above : names.filter((name) => isWithin(name, field));
  return [...new Set(chosen.flatMap((name) => sources[name] ?? []))];
}

function isWithin(field: string, group: string): boolean {
  return field === group || field.startsWith(`${group}.`);
}

/** The columns of a table of providers. */
export interface Summary {
  grants: string;
  pkce: string;
  rotation: string;
  accessTokenLife: string;
  refreshTokenLife: string;
  replay: string;
  revocation: string;
  validation: string;
}

/** Describes a provider in one row. `unknown` stands for a fact that the file does not state, and `?` marks an assumption. */
export function summaryOf(file: ProviderFile): Summary {
  const cell = (field: string, value: string | null, absent = 'unknown') => {
    const isUnknown = file.unknown.some((name) => isWithin(field, name));
    if (value === null) return isUnknown ? 'unknown' : absent;
    return isUnknown ? `${value} ?` : value;
  };
  const { renewal, revocation, validation } = file;
  const noRefresh = renewal === 'none' ? '–' : 'unknown';
  return {
    grants: grantsOf(file),
    pkce: cell('authorization.pkce', pkceOf(file)?.split(':')[0] ?? null, '–'),
    rotation: cell('rotation', file.rotation ?? null, noRefresh),
    accessTokenLife: cell('lives.access', accessLife(file)),
    refreshTokenLife: cell('lives.refresh', refreshLife(file), noRefresh),
    replay: cell('replay', replayOf(file), noRefresh),
    revocation: cell('revocation.url', revocation?.url === undefined ? null : 'yes', 'no'),
    validation: cell('validation', validation === undefined ? null : 'yes', 'no'),
  };
}

/** The kinds of grant that Evergrant obtains and renews by this file. */
function grantsOf({ authorization, renewal, grants }: ProviderFile): string {
  const renewed = {
    refresh_token: ['refresh token'],
    access_token: ['exchange of the access token'],
    none: [],
  }[renewal];
  return [
    ...(authorization === undefined ? [] : ['authorization code']),
    ...renewed,
    ...Object.keys(grants ?? {}).map(grantName),
  ].join(', ');
}

function grantName(name: string): string {
  return name === 'jwt_bearer' ? 'JWT bearer' : name.replaceAll('_', ' ');
}

/** The values of answers and of callbacks that applications receive. */
function keptNames(file: ProviderFile): string[] {
  const ofAnswer = keptOfAnswer(file).map(({ path }) => path);
  return [...new Set([...ofAnswer, ...Object.keys(file.authorization?.keep ?? {})])];
}

function revocationRequestOf({ revocation }: ProviderFile): string | null {
  const { request } = revocation ?? {};
  if (request === undefined) return null;
  return `${request.method} with ${request.body === 'none' ? 'no body' : request.body}, not RFC 7009`;
}

type Urls = string | Readonly<Record<string, string>>;

function addresses(urls: Urls | undefined): string | null {
  if (urls === undefined || typeof urls === 'string') return urls ?? null;
  return Object.entries(urls)
    .map(([environment, url]) => (environment === 'production' ? url : `${environment}: ${url}`))
    .join(', ');
}

function pairs(given: Readonly<Record<string, string>> = {}): string | null {
  return list(Object.entries(given).map(([name, value]) => `${name}=${value}`));
}

function list(given: readonly string[] = []): string | null {
  return given.length === 0 ? null : given.join(', ');
}

function pkceOf({ authorization }: ProviderFile): string | null {
  if (authorization === undefined) return null;
  const { pkce } = authorization;
  return pkce === 'S256' ? pkce : `refused: ${pkce.refused}`;
}

function identityOf({ identity }: ProviderFile): string | null {
  switch (identity?.from) {
    case undefined:
      return null;
    case 'none':
      return 'not named';
    case 'id_token':
      return 'sub of the ID token';
    case 'answer':
      return `${[identity.subject].flat().join(' and ')} of the token response`;
    case 'access_token':
      return 'a part of the access token';
    case 'callback':
      return `${identity.parameter} of the signed callback`;
    case 'request':
      return `${[identity.subject].flat().join(' and ')} at ${addresses(identity.url)}`;
  }
}

function renewalOf({ renewal }: ProviderFile): string | null {
  return {
    refresh_token: null,
    access_token: 'the living access token is exchanged for a new one',
    none: 'none, because tokens do not expire',
  }[renewal];
}

function accessLife({ lives }: ProviderFile): string | null {
  const { access } = lives;
  return typeof access === 'number' ? asConfigured(access) : (access ?? null);
}

function refreshLife({ lives }: ProviderFile): string | null {
  const { refresh } = lives;
  if (refresh === undefined || refresh === 'endless') return refresh ?? null;
  return list([
    ...(refresh.absolute === undefined
      ? []
      : [`${asConfigured(refresh.absolute)} from the consent`]),
    ...(refresh.idle === undefined ? [] : [`${asConfigured(refresh.idle)} from the last use`]),
  ]);
}

function replayOf({ replay }: ProviderFile): string | null {
  if (typeof replay === 'number') return `same answer for ${asConfigured(replay)}`;
  return replay?.replaceAll('_', ' ') ?? null;
}

function beforeExpiry(notBefore: number | undefined): string | null {
  return notBefore === undefined ? null : `${asConfigured(notBefore)} before the expiry`;
}

function errorsOf({ codes, rules }: ProviderFile['errors']): string | null {
  return list([
    ...Object.entries(codes).map(([code, means]) => `${code} = ${means}`),
    ...rules.map(
      ({ codes: some = [], text, status = [], means }) =>
        `${[...some, ...(text === undefined ? [] : [`/${text}/`]), ...status].join(' ')} = ${means}`,
    ),
  ]);
}

function answerOf(answer: string | undefined): string | null {
  return answer === undefined || answer === 'unknown' ? null : answer;
}
