/** The contract that a provider file states by its examples: requests, answers, refusals and callbacks. */
import { isDeepStrictEqual } from 'node:util';
import { decodeJwt } from 'jose';
import { CREDENTIALS_GRANTS, type CredentialsGrant } from '../../domain/account/grant-type';
import { shownAddress } from '../exchange/token-endpoint';
import type { TransportRequest } from '../exchange/transport';
import type { ProviderAdapter } from '../provider';
import {
  configuredExample,
  consentWith,
  credentialsWith,
  EXAMPLE_CLIENT,
  type ExampleAnswer,
  refreshWith,
  secondsUntil,
} from './example-exchange';
import type { ProviderFile } from './provider-file';

export interface ContractCheck {
  title: string;
  /** Returns one text per problem, as `field: problem; remedy`. */
  run: () => Promise<string[]>;
}

type Examples = ProviderFile['examples'];
type Answer = Examples['answers'][number];
type GrantExample = NonNullable<Examples['grants'][CredentialsGrant]>;
type Grant = Awaited<ReturnType<typeof refreshWith>>['grant'];

/** Longest value of an example that a problem repeats, in characters. */
const SHOWN_MAX = 60;
/** Largest difference of a time zone to UTC, in ms. */
const EASTMOST_MS = 14 * 3600 * 1000;
/** Headers of every request, which no example repeats. */
const OWN_HEADERS = new Set(['accept', 'user-agent', 'content-type']);

/** Returns the checks of a file, in the order of its members. */
export function contractOf(
  { checked, examples }: ProviderFile,
  adapter: ProviderAdapter,
): ContractCheck[] {
  const { refresh, answers, refusals, callbacks } = examples;
  return [
    {
      title: 'was checked on a day that is not in the future',
      run: () => Promise.resolve(dayProblems(checked)),
    },
    ...(refresh === undefined
      ? []
      : [
          {
            title: 'sends the documented refresh request and nothing else',
            run: () => requestProblems(examples, refresh.request, adapter),
          },
        ]),
    ...CREDENTIALS_GRANTS.flatMap((grantType) => {
      const example = examples.grants[grantType];
      if (example === undefined) return [];
      return [
        {
          title: `sends the documented request of ${grantType} and nothing else`,
          run: () => grantRequestProblems(examples, grantType, example, adapter),
        },
      ];
    }),
    ...answers.map((answer, at) => ({
      title: `reads the tokens of answer ${at + 1} (${answer.of})`,
      run: () => answerProblems(examples, answer, `examples.answers.${at}`, adapter),
    })),
    ...refusals.map((refusal, at) => ({
      title: `classifies ${refusal.status} ${JSON.stringify(refusal.body)}`,
      run: () => refusalProblems(examples, refusal, `examples.refusals.${at}`, adapter),
    })),
    ...callbacks.map((callback, at) => ({
      title: `checks callback ${at + 1} as stated`,
      run: () => callbackProblems(examples, callback, `examples.callbacks.${at}`, adapter),
    })),
    {
      title: 'shows no token and no secret, even if the provider repeats them',
      run: () => maskingProblems(examples, adapter),
    },
    {
      title: 'sweeps often enough for its access tokens',
      run: () => Promise.resolve(policyProblems(adapter)),
    },
    {
      title: 'gives no warning about its own refresh tokens, and refuses none of its tokens',
      run: () => Promise.resolve(tokenFormatProblems(examples, adapter)),
    },
    {
      title: 'names a host and no input in the address of each environment',
      run: () => Promise.resolve(addressProblems(examples, adapter)),
    },
  ];
}

/** Here and not in the form: a server with a wrong clock must not refuse its files. */
function dayProblems(checked: string): string[] {
  // A day begins in the eastmost time zone first.
  const latest = new Date(Date.now() + EASTMOST_MS).toISOString().slice(0, 10);
  return checked <= latest
    ? []
    : [`checked: is in the future: ${checked}; state the day on which you read the sources`];
}

function optionsOf({ refresh, externalId = 'account' }: Examples) {
  return {
    externalId,
    ...(refresh === undefined ? {} : { refreshToken: refresh.refreshToken }),
  };
}

async function requestProblems(
  examples: Examples,
  stated: NonNullable<Examples['refresh']>['request'],
  adapter: ProviderAdapter,
): Promise<string[]> {
  const field = 'examples.refresh.request';
  const { request, failure } = await refreshWith(adapter, { body: {} }, optionsOf(examples));
  if (request === undefined)
    return [`${field}: Evergrant sends nothing (${failure?.code}); correct examples.externalId`];
  return requestDifferences(
    field,
    stated,
    request,
    'token.parameters, token.refreshParameters, token.rename or the client authentication',
  );
}

async function grantRequestProblems(
  examples: Examples,
  grantType: CredentialsGrant,
  { request: stated, claims }: GrantExample,
  adapter: ProviderAdapter,
): Promise<string[]> {
  const field = `examples.grants.${grantType}`;
  const sent = await grantWith(examples, grantType, { body: {} }, adapter);
  if (sent.request === undefined)
    return [
      `${field}.request: Evergrant sends nothing (${sent.failure?.code}); correct examples.externalId or ${field}.credentials`,
    ];
  const { assertion, body } = withoutAssertion(sent.request.body ?? '');
  return [
    ...requestDifferences(
      `${field}.request`,
      stated,
      { ...sent.request, body },
      `grants.${grantType} or the client authentication`,
    ),
    ...(assertion === null
      ? []
      : differences(
          `${field}.claims`,
          claims ?? {},
          ownClaims(assertion),
          `grants.${grantType} or ${field}.credentials`,
        )),
  ];
}

/** Requests a token for the credentials of an example. */
function grantWith(
  { externalId, grants }: Examples,
  grantType: CredentialsGrant,
  answer: ExampleAnswer,
  adapter: ProviderAdapter,
) {
  return credentialsWith(adapter, grantType, answer, {
    ...(externalId === undefined ? {} : { externalId }),
    credentials: grants[grantType]?.credentials ?? {},
  });
}

/** An assertion differs with each request. */
function withoutAssertion(text: string): { assertion: string | null; body: string } {
  const form = new URLSearchParams(text);
  const assertion = form.get('assertion');
  form.delete('assertion');
  return { assertion, body: assertion === null ? text : form.toString() };
}

/** The assertion of `private_key_jwt` differs with each request. */
function withoutClientAssertion<T>({
  client_assertion: _signed,
  ...members
}: Record<string, T>): Record<string, T> {
  return members;
}

/** The claims that do not depend on the moment. */
function ownClaims(assertion: string): Record<string, unknown> {
  const { iat: _issued, exp: _expires, jti: _id, ...claims } = decodeJwt(assertion);
  return claims;
}

/** @param from the fields of the file that the parameters of the request come from */
function requestDifferences(
  field: string,
  { url, method, headers, form, json, query }: NonNullable<Examples['refresh']>['request'],
  request: Pick<TransportRequest, 'url' | 'method' | 'headers' | 'body'>,
  from: string,
): string[] {
  const address = new URL(request.url);
  const body = request.body ?? '';
  const sentQuery = withoutClientAssertion(Object.fromEntries(address.searchParams));
  const sentForm = withoutClientAssertion(Object.fromEntries(new URLSearchParams(body)));
  return [
    ...difference(`${field}.url`, url, address.origin + address.pathname, 'token.url'),
    ...difference(`${field}.method`, method, request.method ?? 'POST', 'token.method'),
    ...differences(`${field}.query`, query ?? {}, sentQuery, from),
    ...(form === undefined ? [] : differences(`${field}.form`, form, sentForm, from)),
    ...(json === undefined
      ? []
      : differences(`${field}.json`, json, withoutClientAssertion(membersOf(body)), from)),
    ...(query === undefined || body === ''
      ? []
      : [`${field}.query: Evergrant also sends a body; set token.body to query`]),
    ...differences(
      `${field}.headers`,
      headers,
      withoutOwn(request.headers),
      'token.headers, token.basic or token.clientAuthentication',
    ),
  ];
}

async function answerProblems(
  examples: Examples,
  answer: Answer,
  field: string,
  adapter: ProviderAdapter,
): Promise<string[]> {
  const { body, of } = answer;
  if (of !== 'code') {
    const { outcome, failure, grant, warnings } =
      of === 'refresh'
        ? await refreshWith(adapter, { body }, optionsOf(examples))
        : await grantWith(examples, of, { body }, adapter);
    if (outcome !== 'ok')
      return [
        `${field}.body: Evergrant reads it as a refusal (${failure?.code}); correct answer.success, answer.tokens or answer.accessToken`,
      ];
    return [
      ...grantProblems(grant, answer, field, adapter),
      ...warningProblems(warnings, answer, field),
    ];
  }
  const callback = examples.callbacks.find(({ accepted }) => accepted)?.parameters ?? {};
  const { outcome, grant } = await consentWith(adapter, callback, { body }, optionsOf(examples));
  if (outcome.kind !== 'granted')
    return [
      `${field}.body: Evergrant accepts no consent with it; correct answer, authorization.code or the first accepted callback`,
    ];
  // An example has no real ID token, and no server that names the person.
  const warnings = outcome.warnings.filter((one) => !/who consented|ID token/.test(one));
  return [
    ...grantProblems(grant, answer, field, adapter),
    ...warningProblems(warnings, answer, field),
  ];
}

function grantProblems(
  grant: Grant,
  stated: Answer,
  field: string,
  adapter: ProviderAdapter,
): string[] {
  const refreshToken = grant?.refreshToken?.reveal() ?? null;
  // The stored grant has no expiry if there is no refresh token.
  const isEndless = adapter.nonExpiringTokens === true && refreshToken === null;
  const expiresIn =
    stated.expiresIn === 'endless' && isEndless ? 'endless' : secondsUntil(grant?.expiresAt);
  return [
    ...difference(
      `${field}.accessToken`,
      stated.accessToken,
      grant?.accessToken?.reveal(),
      'answer.accessToken or answer.tokens',
    ),
    ...difference(
      `${field}.refreshToken`,
      stated.refreshToken,
      refreshToken,
      'answer.refreshToken or answer.tokens',
    ),
    ...difference(
      `${field}.expiresIn`,
      stated.expiresIn,
      expiresIn,
      'answer.expiresIn, answer.unit or lives.access',
    ),
    ...(stated.refreshExpiresIn === undefined
      ? []
      : difference(
          `${field}.refreshExpiresIn`,
          stated.refreshExpiresIn,
          secondsUntil(grant?.refreshTokenExpiry.expiresAt),
          'answer.refreshExpiresIn, lives.refresh or rotation',
        )),
    ...(stated.providerValues === undefined
      ? []
      : difference(
          `${field}.providerValues`,
          stated.providerValues,
          grant?.providerValues ?? {},
          'answer.keep',
        )),
    ...(stated.scopes === undefined
      ? []
      : difference(
          `${field}.scopes`,
          stated.scopes,
          grant?.scopes ?? null,
          'answer.scope or authorization.scopes.separator',
        )),
  ];
}

function warningProblems(given: readonly string[], { warnings }: Answer, field: string): string[] {
  return difference(
    `${field}.warnings`,
    warnings,
    given,
    'answer.tokenTypes, answer.omitsTokenType or tokenFormat',
  );
}

async function refusalProblems(
  examples: Examples,
  { means, ...answer }: Examples['refusals'][number],
  field: string,
  adapter: ProviderAdapter,
): Promise<string[]> {
  const { failure, grant } = await refreshWith(adapter, answer, optionsOf(examples));
  return [
    ...difference(
      `${field}.means`,
      means,
      failure?.code ?? null,
      'errors.path, errors.codes, errors.rules or answer.success',
    ),
    ...(grant === undefined
      ? []
      : [`${field}.body: Evergrant reads tokens in it; correct answer.success`]),
  ];
}

async function callbackProblems(
  examples: Examples,
  { parameters, accepted, subject }: Examples['callbacks'][number],
  field: string,
  adapter: ProviderAdapter,
): Promise<string[]> {
  const { answers } = examples;
  const body = (answers.find(({ of }) => of === 'code') ?? answers[0])?.body;
  const { outcome, sent } = await consentWith(adapter, parameters, { body }, optionsOf(examples));
  const found = outcome.kind === 'granted' ? (outcome.subject?.value ?? null) : null;
  return [
    ...difference(
      `${field}.accepted`,
      accepted,
      outcome.kind === 'granted',
      'authorization.code, authorization.keep or authorization.verify',
    ),
    ...(accepted || sent.length === 0
      ? []
      : [`${field}: Evergrant sends the code of a refused callback; correct authorization.keep`]),
    ...(subject === undefined ? [] : difference(`${field}.subject`, subject, found, 'identity')),
  ];
}

async function maskingProblems(examples: Examples, adapter: ProviderAdapter): Promise<string[]> {
  const options = optionsOf(examples);
  const { refreshToken = 'example-refresh-token' } = options;
  const { clientSecret } = EXAMPLE_CLIENT;
  const echo = { error: 'invalid_grant', error_description: `${refreshToken} ${clientSecret}` };
  const answers = [
    ...examples.answers.map(({ body }, at) => ({ field: `examples.answers.${at}`, body })),
    { field: 'examples.refresh.refreshToken', status: 400, body: echo },
  ];
  const secrets = [
    refreshToken,
    clientSecret,
    ...examples.answers.flatMap((one) => [one.accessToken, one.refreshToken ?? []].flat()),
  ];
  const problems = await Promise.all(
    answers.map(async ({ field, ...answer }) => {
      const { shown } = await refreshWith(adapter, answer, options);
      return secrets.some((secret) => shown.includes(secret))
        ? [`${field}: a log entry would show a token of the examples; invent longer tokens`]
        : [];
    }),
  );
  return problems.flat();
}

function policyProblems(adapter: ProviderAdapter): string[] {
  const { sweepEveryMs, refreshBeforeMs } = configuredExample(adapter).provider.policy;
  const lifeMs = adapter.defaultAccessTokenLifeSeconds * 1000;
  return [
    ...(sweepEveryMs < refreshBeforeMs
      ? []
      : ['policy.sweepEvery: is not less than refreshBefore; make it shorter or remove it']),
    ...(refreshBeforeMs < lifeMs / 2
      ? []
      : ['policy.refreshBefore: is half of lives.access or more; make it shorter or remove it']),
  ];
}

function tokenFormatProblems({ answers }: Examples, adapter: ProviderAdapter): string[] {
  return answers.flatMap(({ accessToken, refreshToken }, at) => {
    const tokens = { accessToken, ...(refreshToken === null ? {} : { refreshToken }) };
    const warning = refreshToken === null ? null : adapter.refreshTokenWarning(refreshToken);
    return [
      ...(warning === null
        ? []
        : [
            `examples.answers.${at}.refreshToken: Evergrant warns: ${warning}; correct tokenFormat.refresh or the example`,
          ]),
      ...Object.entries(tokens).flatMap(([name, token]) => {
        const problem = adapter.tokenProblem?.(token) ?? null;
        return problem === null
          ? []
          : [
              `examples.answers.${at}.${name}: Evergrant refuses it: ${problem}; correct tokenFormat.refused or the example`,
            ];
      }),
    ];
  });
}

function addressProblems({ externalId = 'account' }: Examples, adapter: ProviderAdapter): string[] {
  return Object.entries(adapter.tokenEndpoints).flatMap(([environment, url]) => {
    const address = shownAddress(url, { externalId }, adapter);
    const isComplete =
      URL.canParse(address) && address.startsWith('https://') && !/[{}]/.test(address);
    return isComplete
      ? []
      : [
          `token.url: is not an address in the environment ${environment}: ${address}; correct it, or examples.externalId`,
        ];
  });
}

/** A member that an example states, against the one that Evergrant sends or reads. */
function difference(field: string, stated: unknown, actual: unknown, remedy: string): string[] {
  return isDeepStrictEqual(stated, actual)
    ? []
    : [
        `${field}: is ${textOf(stated)}, but Evergrant has ${textOf(actual)}; correct the example, or ${remedy}`,
      ];
}

function differences(
  field: string,
  stated: Readonly<Record<string, unknown>>,
  actual: Readonly<Record<string, unknown>>,
  remedy: string,
): string[] {
  const names = [...new Set([...Object.keys(stated), ...Object.keys(actual)])];
  return names.flatMap((name) => {
    if (!Object.hasOwn(actual, name))
      return [`${field}.${name}: Evergrant does not send it; remove it, or correct ${remedy}`];
    if (!Object.hasOwn(stated, name))
      return [`${field}.${name}: is missing, but Evergrant sends it; add it, or correct ${remedy}`];
    return difference(`${field}.${name}`, stated[name], actual[name], remedy);
  });
}

function textOf(value: unknown): string {
  const text = JSON.stringify(value ?? null);
  return text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX)}…` : text;
}

function membersOf(body: string): Record<string, unknown> {
  try {
    const members: unknown = JSON.parse(body);
    return typeof members === 'object' && members !== null ? { ...members } : {};
  } catch {
    return {};
  }
}

function withoutOwn(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers)
      .map(([name, value]): [string, string] => [name.toLowerCase(), value])
      .filter(([name]) => !OWN_HEADERS.has(name)),
  );
}
