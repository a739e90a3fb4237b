/** The rules of a provider file that its form cannot express: sources, hosts, margins and examples that fit together. */
import { PROVIDER_VALUES_MAX } from '../../domain/account/grant-bounds';
import { CREDENTIALS_GRANTS } from '../../domain/account/grant-type';
import { isSecretName } from '../exchange/provider-values';
import { keptHostPatterns, keptOfAnswer, type ProviderFile } from './provider-file';

/** Groups whose members are facts. The others are names, examples and Evergrant's own margins. */
const FACTS = [
  'inputs',
  'authorization',
  'token',
  'answer',
  'renewal',
  'lives',
  'rotation',
  'replay',
  'notBefore',
  'errors',
  'identity',
  'revocation',
  'validation',
  'api',
  'limits',
  'tokenFormat',
  'grants',
  'refusedState',
] as const;

/** Facts that a file states or names in `unknown`. */
const EXPECTED = [
  'authorization',
  'authorization.pkce',
  'token.clientAuthentication',
  'lives.access',
  'lives.refresh',
  'rotation',
  'replay',
  'errors',
  'identity',
  'revocation',
  'validation',
  'limits',
];
/** Facts about refresh tokens. A provider without them does not need these. */
const OF_REFRESH_TOKENS = new Set(['lives.refresh', 'rotation', 'replay']);

/** Texts that no host input may accept, because a token could reach another host. */
const FOREIGN_HOSTS = [
  'evil.example',
  'a/b',
  'a\\b',
  'a@b',
  'a:8443',
  'a#b',
  'a?b',
  'a%2fb',
  'a b',
  'a\n',
  '..',
  '',
];

/** `{name}` and `{name|host}` in an address. */
const PLACEHOLDER = /\{([a-zA-Z][\w-]*)(?:\|([a-z0-9.-]+))?\}/g;

/** Returns the problems of a file. `raw` is the file before its defaults. Overridden members need no source. */
export function problemsOf(
  file: ProviderFile,
  raw: unknown,
  { isOverridden = false }: { isOverridden?: boolean } = {},
): string[] {
  return [
    ...(isOverridden ? [] : sourceProblems(file, raw)),
    ...inputProblems(file),
    ...requestProblems(file),
    ...lifeProblems(file),
    ...consentProblems(file),
    ...keepProblems(file),
    ...revocationProblems(file),
    ...grantProblems(file),
  ];
}

function sourceProblems(file: ProviderFile, raw: unknown): string[] {
  const named = [...Object.keys(file.sources), ...file.unknown];
  const facts = FACTS.flatMap((group) => leavesOf(memberOf(raw, group), group));
  const isNamed = (path: string) =>
    named.some((name) => path === name || path.startsWith(`${name}.`));
  const expected = EXPECTED.filter(
    (path) => file.renewal === 'refresh_token' || !OF_REFRESH_TOKENS.has(path),
  );
  const unstated = expected.filter(
    (path) =>
      !facts.some((fact) => fact === path || fact.startsWith(`${path}.`)) &&
      !file.unknown.some((name) => path === name || path.startsWith(`${name}.`)),
  );
  const groups: readonly string[] = FACTS;
  return [
    ...facts
      .filter((path) => !isNamed(path))
      .map((path) => `${path}: has no source; add one to sources, or add the field to unknown`),
    ...unstated.map((path) => `${path}: is missing; state it with a source, or add it to unknown`),
    ...named
      .filter((name) => !groups.includes(name.split('.')[0] ?? ''))
      .map((name) => `sources, unknown: "${name}" is not a field with facts`),
  ];
}

function inputProblems({ inputs, ...file }: ProviderFile): string[] {
  const problems: string[] = [];
  const externalIds = Object.entries(inputs).filter(([, { externalId }]) => externalId);
  if (externalIds.length > 1) problems.push('inputs: only one input can be the external id');
  for (const [name, { host, pattern, example, lowerCase }] of Object.entries(inputs)) {
    const accepts = new RegExp(pattern, 'u');
    if (!accepts.test(lowerCase ? example.toLowerCase() : example))
      problems.push(`inputs.${name}.example: does not match the pattern`);
    const foreign = foreignHost(pattern, lowerCase ? example.toLowerCase() : example);
    if (host && foreign !== undefined)
      problems.push(`inputs.${name}.pattern: accepts another host: ${JSON.stringify(foreign)}`);
  }
  const patterns = keptHostPatterns(file);
  for (const [name, pattern] of Object.entries(patterns)) {
    const foreign = foreignHost(pattern);
    if (foreign !== undefined)
      problems.push(`keep.${name}.host: accepts another host: ${JSON.stringify(foreign)}`);
  }
  for (const { path, text } of addressesOf(file)) {
    for (const [, name = '', fallback] of text.matchAll(PLACEHOLDER)) {
      if (path === 'revocation.url' && name === 'clientId' && file.revocation?.request) continue;
      const kept = Object.hasOwn(patterns, name) ? patterns[name] : undefined;
      if (kept !== undefined)
        problems.push(...keptHostProblems(path, { name, fallback, pattern: kept }));
      else if (inputs[name]?.host !== true)
        problems.push(`${path}: {${name}} is neither an input with host: true nor a kept host`);
      else if (!inputs[name].externalId)
        problems.push(
          `${path}: {${name}} must be the external id, because a refresh knows no other input`,
        );
      else if (fallback !== undefined)
        problems.push(`${path}: write {${name}} without a host, because each account states it`);
    }
  }
  return problems;
}

/** @param known a host that the pattern accepts: the same first labels must not lead to another host */
function foreignHost(pattern: string, known = ''): string | undefined {
  const accepts = new RegExp(pattern, 'u');
  const labels = known.split('.');
  const alike = [
    ...labels.map((_label, at) => [...labels.slice(0, at + 1), 'evil.example'].join('.')),
    `evil/${known}`,
    `evil.example/${known}`,
  ];
  return [...FOREIGN_HOSTS, ...alike].find((text) => accepts.test(text));
}

/** The consent knows no value before its callback, and an entered grant has none. */
function keptHostProblems(
  path: string,
  { name, fallback, pattern }: { name: string; fallback: string | undefined; pattern: string },
): string[] {
  if (path === 'authorization.url') return [`${path}: {${name}} is not known before the consent`];
  if (fallback === undefined)
    return path.startsWith('token.')
      ? [`${path}: {${name}} needs a host for accounts without this value: {${name}|host}`]
      : [];
  const foreign = foreignHost(pattern, fallback);
  return [
    ...(new RegExp(pattern, 'u').test(fallback)
      ? []
      : [`${path}: ${fallback} does not match the host of ${name}`]),
    ...(foreign === undefined
      ? []
      : [`keep.${name}.host: accepts another host: ${JSON.stringify(foreign)}`]),
  ];
}

function requestProblems({ token, renewal, answer, examples }: ProviderFile): string[] {
  const { refresh } = examples;
  const body = { form: 'form', json: 'json', query: 'query' } as const;
  return [
    ...(token.method === 'GET' && token.body !== 'query'
      ? ['token.method: GET requires body: query']
      : []),
    ...(renewal !== 'none' && refresh === undefined ? ['examples.refresh: is missing'] : []),
    ...(refresh !== undefined && refresh.request[body[token.body]] === undefined
      ? [`examples.refresh.request.${token.body}: is missing, because token.body is ${token.body}`]
      : []),
    ...(renewal === 'access_token' && answer.refreshToken !== undefined
      ? ['answer.refreshToken: must be absent, because renewal is access_token']
      : []),
  ];
}

function revocationProblems({ revocation }: ProviderFile): string[] {
  const { request } = revocation ?? {};
  if (request === undefined) return [];
  const presented = [...Object.values(request.parameters), ...Object.values(request.headers)];
  return [
    ...(revocation?.url === undefined ? ['revocation.request: requires revocation.url'] : []),
    ...(presented.some((one) => /\{token\}/.test(one))
      ? []
      : ['revocation.request: {token} must be in parameters or headers']),
    ...(request.body === 'none' && Object.keys(request.parameters).length > 0
      ? ['revocation.request.parameters: must be empty, because body is none']
      : []),
  ];
}

function grantProblems({ grants = {}, examples }: ProviderFile): string[] {
  return CREDENTIALS_GRANTS.flatMap((grantType) => {
    const isStated = grants[grantType] !== undefined;
    if (isStated === (examples.grants[grantType] !== undefined)) return [];
    return isStated
      ? [`examples.grants.${grantType}: is missing; write the documented request`]
      : [`examples.grants.${grantType}: must be absent, because grants does not state it`];
  });
}

function lifeProblems({ lives, notBefore, policy, renewal }: ProviderFile): string[] {
  const { access } = lives;
  const isEndless = access === 'endless';
  const lifeMs = typeof access === 'number' ? access : Infinity;
  const { sweepEvery, refreshBefore } = policy;
  return [
    ...(isEndless !== (renewal === 'none')
      ? ['renewal: is none if and only if lives.access is endless']
      : []),
    ...((notBefore ?? 0) >= lifeMs ? ['notBefore: must be shorter than lives.access'] : []),
    ...((refreshBefore ?? 0) * 2 >= lifeMs
      ? ['policy.refreshBefore: must be less than half of lives.access']
      : []),
    ...((sweepEvery ?? 0) >= (refreshBefore ?? lifeMs / 2)
      ? ['policy.sweepEvery: must be less than refreshBefore, or tokens expire between two sweeps']
      : []),
  ];
}

function consentProblems({ authorization, identity, answer }: ProviderFile): string[] {
  const isCallback = identity?.from === 'callback';
  return [
    ...(isCallback && authorization?.verify === undefined
      ? [
          'identity: a parameter of the callback is proof only with authorization.verify, because the person can change the address',
        ]
      : []),
    ...(answer.tokens !== undefined && answer.accessToken !== undefined
      ? ['answer: tokens and accessToken exclude each other']
      : []),
  ];
}

function keepProblems({ authorization, answer }: ProviderFile): string[] {
  const ofCallback = Object.keys(authorization?.keep ?? {});
  const kept = [
    ...keptOfAnswer({ answer }).map(({ path: name }) => ({ path: 'answer.keep', name })),
    ...ofCallback.map((name) => ({ path: 'authorization.keep', name })),
  ];
  return [
    ...kept
      .filter(({ name }) => isSecretName(name))
      .map(
        ({ path, name }) => `${path}: ${name} names a secret, and kept values are not encrypted`,
      ),
    ...(kept.length > PROVIDER_VALUES_MAX
      ? [`answer.keep and authorization.keep: must name at most ${PROVIDER_VALUES_MAX} values`]
      : []),
  ];
}

function addressesOf(file: Omit<ProviderFile, 'inputs'>): { path: string; text: string }[] {
  const { authorization, token, validation, revocation, identity } = file;
  const stated = {
    'authorization.url': authorization?.url,
    'token.url': token.url,
    'token.refreshUrl': token.refreshUrl,
    'validation.url': validation?.url,
    'revocation.url': revocation?.url,
    'identity.url': identity?.from === 'request' ? identity.url : undefined,
  };
  return Object.entries(stated).flatMap(([path, urls]) => {
    if (urls === undefined) return [];
    const texts = typeof urls === 'string' ? [urls] : Object.values(urls);
    return texts.map((text) => ({ path, text }));
  });
}

function memberOf(raw: unknown, name: string): unknown {
  return isObject(raw) && Object.hasOwn(raw, name) ? raw[name] : undefined;
}

function leavesOf(value: unknown, path: string): string[] {
  if (value === undefined) return [];
  if (!isObject(value)) return [path];
  return Object.entries(value).flatMap(([name, member]) => leavesOf(member, `${path}.${name}`));
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
