/** The form of `providers/<id>.yaml`: every fact about one provider, its sources and its examples. */
import { z } from 'zod';
import { CREDENTIALS_GRANTS } from '../../domain/account/grant-type';
import { SCOPE_SEPARATORS } from '../../domain/account/scopes';
import {
  ACCESS_TOKEN_LIFE_MAX_SECONDS,
  REFRESH_TOKEN_LIFE_MAX_SECONDS,
} from '../../domain/account/token-lifetime';
import { duration, durationOr } from '../../domain/text/duration';
import { hasUserInfo } from '../../domain/text/user-info';
import { FACT_ANSWERS } from '../consent/consent';
import { CLIENT_AUTHENTICATION_METHODS } from '../exchange/client-authentication';
import { ASSERTION_LIFE_MAX_SECONDS } from '../exchange/credentials-rules';

/** Longest pattern, in characters. A longer one cannot be reviewed. */
const PATTERN_MAX = 300;

/** Documents quote URLs, and the user and password of one would be stored and shown. Requests have no fragment. */
const NOT_PLAIN = 'must not contain a user name, a password or a fragment';

const text = z.string().min(1);
const parameters = z.record(text, z.string());
const memberPath = z
  .string()
  .regex(/^[\w-]{1,60}(\.[\w-]{1,60}){0,4}$/, 'must be member names joined by dots')
  .describe('Member names of a response joined by dots, such as data.access_token.');
const pattern = z
  .string()
  .max(PATTERN_MAX)
  .refine(isPattern, 'must be a regular expression')
  .describe('A regular expression of JavaScript (flag u).');
const wholePattern = pattern
  .refine(
    (given) => given.startsWith('^') && given.endsWith('$'),
    'must begin with ^ and end with $',
  )
  .describe(
    'A regular expression that must match the whole value: it begins with ^ and ends with $.',
  );

/** `{name}` stands for a value of the account. The address is checked without its placeholders. */
const address = z
  .string()
  .refine((given) => isAddress(given), 'must be an https:// URL, with inputs as {name}')
  .refine((given) => !isAddress(given) || isPlainUrl(given), NOT_PLAIN)
  .describe(
    'An https:// URL. {name} stands for the input or the kept value of that name, and {name|host} for host if the account has no such value.',
  );
/** A page that people open. It may name a section by its fragment. */
const page = z
  .url({ error: 'must be a URL such as https://docs.example.com/oauth' })
  .refine(
    (given) => !URL.canParse(given) || given.startsWith('https://'),
    'must be a URL that begins with https://, such as https://docs.example.com/oauth',
  )
  .refine(
    (given) => !URL.canParse(given) || !hasUserInfo(new URL(given)),
    'must not contain a user name or a password',
  );
const environmentName = z
  .string()
  .regex(/^[a-z][a-z0-9-]*$/, 'must be lower-case letters, digits and "-", such as production');
const byEnvironment = z
  .union([address, z.record(environmentName, address)])
  .describe('One URL, which is that of production, or one URL per environment.');

const meaning = z
  .enum([
    'invalid_grant',
    'invalid_client',
    'unauthorized_client',
    'invalid_scope',
    'invalid_request',
    'rate_limited',
    'too_early',
    'provider_unavailable',
    'unrecognized_error',
    'invalid_token_response',
  ])
  .describe('A failure code of Evergrant, see src/domain/refresh/refresh-failure.ts.');

const input = z
  .strictObject({
    label: text.describe('The label of the field on the connect page.'),
    pattern: wholePattern.describe('The stored form. A value that does not match is refused.'),
    example: text,
    host: z
      .boolean()
      .default(false)
      .describe(
        'The value is a host name or a part of one, so the pattern guards where tokens are sent.',
      ),
    externalId: z
      .boolean()
      .default(false)
      .describe(
        'The value is the external id of the account. Only this input can be in a URL of a refresh.',
      ),
    lowerCase: z.boolean().default(false).describe('The stored form is in lower case.'),
    suffix: text
      .optional()
      .describe('Appended to an entered value without a dot, such as .myshopify.com.'),
    from: pattern
      .optional()
      .describe(
        'Extracts the value from an entered address; the first group that matched is the value.',
      ),
  })
  .describe('A value per account, entered before the consent.');

const keptHost = wholePattern.describe(
  'The value is a host name or an https:// origin, and {name} in a URL stands for its host. The pattern must match the host, so it guards where tokens are sent.',
);

const authorization = z.strictObject({
  url: byEnvironment.optional(),
  beside: z
    .strictObject({ token: text, authorization: text })
    .optional()
    .describe(
      'The end of a configured tokenEndpoint, and the end that replaces it in the authorization endpoint.',
    ),
  issuer: byEnvironment
    .optional()
    .describe('The issuer, for iss in the callback and in ID tokens.'),
  parameters: parameters.default({}).describe('Extra parameters of the authorization request.'),
  scopes: z
    .strictObject({
      default: z
        .array(z.string().regex(/^\S+$/))
        .default([])
        .describe('Requested if the caller names none.'),
      separator: z.enum(SCOPE_SEPARATORS).default(' '),
      required: z
        .array(z.string().regex(/^\S+$/))
        .default([])
        .describe(
          'Requested in every consent, for example because only they give a refresh token.',
        ),
    })
    .prefault({}),
  pkce: z
    .union(
      [
        z.literal('S256'),
        z.strictObject({
          refused: text.describe('Why: the statement of the provider, or its error.'),
        }),
      ],
      'must be S256 or {refused: <the statement of the provider>}',
    )
    .default('S256')
    .describe(
      'S256 unless the provider is known to refuse PKCE. A server ignores parameters that it does not know.',
    ),
  rename: z
    .record(text, text)
    .default({})
    .describe('Other names of request parameters, such as client_id: client_key.'),
  fragment: text.optional().describe('A fragment at the end of the URL, such as wechat_redirect.'),
  code: text.default('code').describe('The parameter of the callback that holds the code.'),
  keep: z
    .record(
      text,
      z.strictObject({
        pattern: wholePattern,
        required: z.boolean().default(false),
        host: keptHost.optional(),
      }),
    )
    .default({})
    .describe(
      'Further parameters of the callback, which applications receive as provider_values. The callback is refused if a value does not match its pattern.',
    ),
  verify: z
    .enum(['shopify_hmac'])
    .optional()
    .describe(
      'The function that verifies a signature of the callback, see src/providers/catalogue/hooks.ts.',
    ),
});

const token = z
  .strictObject({
    url: byEnvironment,
    refreshUrl: byEnvironment
      .optional()
      .describe('The URL of refreshes if it is not that of the code exchange.'),
    clientAuthentication: z
      .array(z.enum(CLIENT_AUTHENTICATION_METHODS))
      .min(1)
      .describe('The accepted methods, default first.'),
    basic: z
      .enum(['form', 'plain', 'secret_only'])
      .default('form')
      .describe(
        'plain: the Basic header is base64 of id:secret without the form encoding of RFC 6749. secret_only: the secret is the user name, and the password is empty.',
      ),
    body: z
      .enum(['form', 'json', 'query'])
      .default('form')
      .describe('json: a JSON object. query: parameters in the URL and no body.'),
    method: z.enum(['POST', 'GET']).default('POST').describe('GET only with body: query.'),
    parameters: parameters.default({}).describe('Extra parameters of the code exchange.'),
    refreshParameters: parameters
      .default({})
      .describe(
        'Extra parameters of a refresh. grant_type replaces refresh_token. "" removes a parameter.',
      ),
    headers: parameters.default({}).describe('Extra headers of both requests.'),
    rename: z
      .record(text, text)
      .default({})
      .describe('Other names of parameters in both requests.'),
    redirectUriAtRefresh: z
      .boolean()
      .default(false)
      .describe(
        'A refresh must repeat redirect_uri. It is redirectUri of providers.yaml, or the callback URL if PUBLIC_URL is set.',
      ),
  })
  .describe('The token endpoint, and the form of its requests.');

const answer = z.strictObject({
  success: z
    .strictObject({ path: memberPath, equals: z.union([z.string(), z.number(), z.boolean()]) })
    .optional()
    .describe('A 2xx is a success only if this member has this value.'),
  tokens: memberPath
    .optional()
    .describe('The object that holds the tokens, if it is not the outermost one.'),
  accessToken: memberPath.optional().describe('The access token, if it is not access_token.'),
  refreshToken: memberPath
    .optional()
    .describe(
      'The refresh token, if it is not refresh_token. With renewal: access_token it is not read.',
    ),
  expiresIn: memberPath
    .optional()
    .describe('The lifetime of the access token, if it is not expires_in.'),
  expiresAt: memberPath.optional().describe('The time of expiry, if it is not expires_at.'),
  refreshExpiresIn: memberPath.optional(),
  unit: z
    .enum(['s', 'ms'])
    .default('s')
    .describe('The unit of lifetimes. Times are recognised by their size.'),
  scope: memberPath.optional().describe('The granted scopes, if they are not in scope.'),
  scopeSeparator: z
    .enum(SCOPE_SEPARATORS)
    .optional()
    .describe('The separator of scopes in answers, if it is not that of requests.'),
  tokenTypes: z
    .array(z.string().regex(/^[^A-Z]+$/, 'must be in lower case'))
    .default([])
    .describe('Values of token_type besides bearer, in lower case.'),
  omitsTokenType: z.boolean().default(false),
  keep: z
    .array(z.union([memberPath, z.strictObject({ path: memberPath, host: keptHost })]))
    .default([])
    .describe(
      'Further members that applications need, such as instance_url or team.id. They receive them as provider_values. Not for secrets.',
    ),
});

/** A lifetime in ms, with the same limit as in token responses. */
const lifeUpTo = (maxSeconds: number) =>
  duration.refine((ms) => ms <= maxSeconds * 1000, `must be ${maxSeconds / (24 * 3600)}d or less`);

const life = z.strictObject({
  access: z
    .union([z.literal('endless'), lifeUpTo(ACCESS_TOKEN_LIFE_MAX_SECONDS)])
    .optional()
    .describe(
      'A duration, or endless. Applies if a response states none; the response comes first.',
    ),
  refresh: z
    .union([
      z.literal('endless'),
      z.strictObject({
        absolute: lifeUpTo(REFRESH_TOKEN_LIFE_MAX_SECONDS)
          .optional()
          .describe('Counts from the consent; refreshes do not extend it.'),
        idle: lifeUpTo(REFRESH_TOKEN_LIFE_MAX_SECONDS)
          .optional()
          .describe('Counts from the last use.'),
      }),
    ])
    .optional(),
  alsoEndless: z
    .boolean()
    .default(false)
    .describe('Some access tokens of this provider do not expire and have no refresh token.'),
});

const errorRule = z
  .strictObject({
    codes: z.array(text).min(1).optional().describe('One of these codes is in the response.'),
    text: pattern.optional().describe('A text or a code of the response matches.'),
    status: z.array(z.int().min(200).max(599)).min(1).optional(),
    means: meaning,
  })
  .refine(
    ({ codes, text: words, status }) =>
      codes !== undefined || words !== undefined || status !== undefined,
    'must have codes, text or status; add the member by which the refusal is recognised',
  );

const errors = z.strictObject({
  path: memberPath
    .optional()
    .describe('The member with the error code, if docs/providers.md, "Refusal", does not list it.'),
  codes: z.record(text, meaning).default({}).describe('Codes whose meaning differs from RFC 6749.'),
  rules: z
    .array(errorRule)
    .default([])
    .describe('Applied before codes; the first rule of which every member matches decides.'),
  withStatus200: z.boolean().default(false).describe('A refusal may have status 200.'),
});

const subject = z
  .union([memberPath, z.array(memberPath).min(2).max(3)])
  .describe('The member that names the subject, or the members that name it together.');

const requestBody = z.strictObject({ contentType: text, text: z.string() });

const identity = z.discriminatedUnion('from', [
  z.strictObject({
    from: z.literal('id_token'),
    label: text.optional().describe('The claim shown to people, such as email.'),
    issuer: address
      .optional()
      .describe('The issuer if tenants differ; {claim} stands for a claim.'),
  }),
  z.strictObject({ from: z.literal('answer'), subject, label: memberPath.optional() }),
  z.strictObject({
    from: z.literal('access_token'),
    pattern: pattern.describe('The first group is the subject.'),
  }),
  z
    .strictObject({ from: z.literal('callback'), parameter: text })
    .describe('Requires authorization.verify.'),
  z.strictObject({
    from: z.literal('request'),
    url: byEnvironment,
    method: z.enum(['GET', 'POST']).default('GET'),
    body: requestBody.optional(),
    headers: parameters
      .default({})
      .describe(
        'Further headers. {accessToken}, {clientId} and {clientSecret} are replaced. authorization replaces Bearer {accessToken}.',
      ),
    subject,
    label: memberPath.optional(),
    scope: text.optional().describe('Without this scope the request is not sent.'),
  }),
  z.strictObject({ from: z.literal('none') }),
]);

/** Longest lifetime of an assertion, in ms, see `credentials-rules.ts`. */
const ASSERTION_LIFE_MAX_MS = ASSERTION_LIFE_MAX_SECONDS * 1000;

const grant = z.strictObject({
  parameters: parameters.default({}).describe('Extra parameters of the token request.'),
  scopes: z
    .array(z.string().regex(/^\S+$/))
    .default([])
    .describe('Requested if the account states none.'),
});

const grants = z
  .strictObject({
    client_credentials: grant.optional(),
    jwt_bearer: grant
      .extend({
        audience: z
          .union([text, z.record(environmentName, text)])
          .optional()
          .describe('aud, or one per environment. Default: the URL of the token endpoint.'),
        scopesIn: z
          .enum(['claim', 'parameter'])
          .default('parameter')
          .describe('Whether scopes are a claim of the assertion or a parameter of the request.'),
        lifetime: duration
          .refine((ms) => ms <= ASSERTION_LIFE_MAX_MS, 'must be 5m or less')
          .prefault('5m')
          .describe('Lifetime of an assertion, at most 5m.'),
        subject: z
          .enum(['issuer', 'none', 'required'])
          .default('issuer')
          .describe('sub if the account states no subject. required: each account must state it.'),
        client: z
          .enum(['required', 'optional'])
          .default('optional')
          .describe(
            'required: the request also authenticates a client, which is that of the account or else the app.',
          ),
      })
      .optional(),
  })
  .describe(
    'Grants without a person that the provider supports: the account holds credentials. renewal describes the grant with a person.',
  );

const factAnswer = z.enum(FACT_ANSWERS).default('unknown');

const revocationRequest = z
  .strictObject({
    token: z
      .enum(['any', 'access_token', 'refresh_token'])
      .default('any')
      .describe('The kind of token that the provider revokes by this request.'),
    method: z.enum(['POST', 'DELETE', 'GET']).default('POST'),
    body: z.enum(['form', 'json', 'query', 'none']).default('form'),
    parameters: parameters
      .default({})
      .describe(
        'Members of the body or the query. {token}, {clientId} and {clientSecret} are replaced.',
      ),
    headers: parameters
      .default({})
      .describe(
        'Headers. {token}, {clientId} and {clientSecret} are replaced; {basic} is the base64 of id:secret.',
      ),
    judge: z
      .array(
        z
          .strictObject({
            status: z.array(z.int()).min(1),
            path: memberPath.optional().describe('Without equals: the body has this member.'),
            equals: z.union([z.string(), z.number(), z.boolean()]).optional(),
            means: z.enum(['revoked', 'refused', 'unknown']),
          })
          .refine(
            ({ path, equals }) => path !== undefined || equals === undefined,
            'must have path, because it has equals; add path',
          ),
      )
      .default([])
      .describe(
        'The first rule that matches decides. Default: 2xx is revoked, 4xx except 429 is refused, and any other status is unknown, which is retried.',
      ),
  })
  .describe('The request, if it is not that of RFC 7009. {clientId} can be in the URL, too.');

const revocation = z.strictObject({
  url: byEnvironment
    .optional()
    .describe(
      'An endpoint of RFC 7009, or of the request in request. Absent: Evergrant revokes nothing.',
    ),
  request: revocationRequest.optional(),
  effect: z
    .string()
    .min(1)
    .max(500)
    .describe('Shown before a disconnect: the effect, or what the person can do instead.'),
  accessTokens: factAnswer,
  otherGrants: factAnswer,
  installation: factAnswer,
});

const validation = z.strictObject({
  url: byEnvironment,
  method: z.enum(['GET', 'POST']).default('GET'),
  body: requestBody.optional(),
  headers: parameters
    .optional()
    .describe(
      'The headers that present the token. {accessToken}, {clientId} and {clientSecret} are replaced; {:clientSecret} is replaced with ":" and the secret, or with nothing. Default: authorization: Bearer {accessToken}.',
    ),
  judge: z
    .array(
      z.strictObject({
        status: z.array(z.int()).min(1),
        error: text.optional().describe('The value of the member error.'),
        notError: text.optional().describe('Not the value of the member error.'),
        text: pattern.optional().describe('Matches the body.'),
        means: z.enum(['access_token_refused', 'validation_inconclusive', 'valid']),
      }),
    )
    .default([])
    .describe(
      'The first rule that matches decides. Default: 2xx is valid, 401 and 403 refuse the token.',
    ),
});

const policy = z
  .strictObject({
    sweepEvery: duration.optional(),
    refreshBefore: duration.optional(),
    refreshAfterAge: durationOr('never').default('never'),
    validateEvery: durationOr('sweep', 'never').default('never'),
  })
  .prefault({})
  .describe('Margins. Absent members follow from the shortest lifetime.');

const limits = z.strictObject({
  token: z.string().optional().describe('The documented limit of the token endpoint.'),
  api: z.string().optional().describe('The documented limit of the API.'),
  grants: z
    .string()
    .optional()
    .describe('How many grants one person and app can have, and what happens beyond.'),
});

const tokenFormat = z.strictObject({
  refused: z
    .array(z.strictObject({ pattern, unless: pattern.optional(), problem: text }))
    .default([])
    .describe(
      'Entered tokens that are refused. problem ends a sentence that begins with the token.',
    ),
  refresh: z
    .array(z.strictObject({ pattern, isOwn: z.boolean(), warning: text }))
    .default([])
    .describe(
      'Warnings about refresh tokens. isOwn: tokens of the provider match, so any other gives the warning.',
    ),
});

const fieldName = z
  .string()
  .regex(/^[\w-]+(\.[\w-]+)*$/, 'must be names joined by dots, such as lives.access');

const requestExample = z.strictObject({
  url: z.url(),
  method: z.enum(['POST', 'GET']).default('POST'),
  headers: z
    .record(z.string().regex(/^[a-z0-9-]+$/, 'must be in lower case'), z.string())
    .default({})
    .describe('Names in lower case.'),
  form: parameters.optional(),
  json: z.record(text, z.unknown()).optional(),
  query: parameters.optional(),
});

const grantExample = z.strictObject({
  credentials: z
    .strictObject({
      client_id: text.optional(),
      client_secret: text.optional(),
      issuer: text.optional(),
      subject: text.optional(),
      scopes: z.array(text).optional(),
      claims: parameters.optional(),
      parameters: parameters.optional(),
    })
    .prefault({})
    .describe('The credentials of the account. For jwt_bearer the check adds a key.'),
  request: requestExample,
  claims: parameters
    .optional()
    .describe(
      'jwt_bearer: the claims of the assertion without iat, exp and jti. The request states no assertion.',
    ),
});

const examples = z
  .strictObject({
    externalId: text.optional().describe('The external id of the account in the examples.'),
    refresh: z
      .strictObject({ refreshToken: text, request: requestExample })
      .optional()
      .describe('The documented request. Required unless renewal is none.'),
    grants: z
      .strictObject({
        client_credentials: grantExample.optional(),
        jwt_bearer: grantExample.optional(),
      })
      .prefault({})
      .describe('The documented request of each grant in grants.'),
    answers: z
      .array(
        z.strictObject({
          of: z.enum(['refresh', 'code', ...CREDENTIALS_GRANTS]).default('refresh'),
          body: z.union([z.string(), z.record(text, z.unknown())]),
          accessToken: text,
          refreshToken: text
            .nullable()
            .describe('null: the response has none, so the old one stays.'),
          expiresIn: z
            .union([z.literal('endless'), z.number()])
            .describe('Seconds from the request to the expiry that Evergrant stores.'),
          refreshExpiresIn: z.number().nullable().optional(),
          scopes: z.array(text).nullable().optional(),
          providerValues: parameters
            .optional()
            .describe('The kept values, with those of the first accepted callback for a code.'),
          warnings: z
            .array(z.string())
            .default([])
            .describe('Warnings that Evergrant gives about the response.'),
        }),
      )
      .min(1)
      .describe(
        'Documented responses of the token endpoint, each with the tokens that Evergrant must read.',
      ),
    refusals: z
      .array(
        z.strictObject({
          status: z.int(),
          headers: z.record(text, z.string()).default({}),
          body: z.union([z.string(), z.record(text, z.unknown())]),
          means: meaning,
        }),
      )
      .min(1)
      .describe(
        'Documented refusals, each with its failure code. Without documentation use those of RFC 6749: invalid_grant and invalid_client.',
      ),
    callbacks: z
      .array(
        z.strictObject({
          parameters: parameters.describe(
            'Without state, which the test adds, and without the signature of authorization.verify, which it adds if absent.',
          ),
          accepted: z.boolean(),
          subject: text
            .optional()
            .describe('The subject if the callback or the first code answer names it.'),
        }),
      )
      .min(1)
      .describe(
        'Parameters of callbacks, and whether Evergrant accepts them: { parameters: { code: example-code }, accepted: true }.',
      ),
  })
  .describe('Documented requests, answers, refusals and callbacks, which the check runs.');

export const providerFileSchema = z.strictObject({
  $schema: z.string().optional(),
  id: z
    .string()
    .regex(
      /^[a-z][a-z0-9-]{0,31}$/,
      'must be lower-case letters, digits and "-", at most 32, such as acme',
    )
    .describe('The name of the file without .yaml.'),
  name: text.describe('The name shown to people.'),
  docs: page.describe('The page about OAuth at the provider.'),
  notes: z.string().optional().describe('Facts that no field expresses, for readers.'),
  checked: z.iso.date().describe('The day on which the sources were read.'),
  sources: z
    .record(fieldName, z.union([page, z.array(page).min(1)]))
    .describe(
      'By field or group of fields, such as token, or lives.refresh.idle: the pages that state it.',
    ),
  unknown: z
    .array(fieldName)
    .default([])
    .describe(
      'Fields without a source. An absent one has the cautious default; a present one is an assumption.',
    ),
  inputs: z
    .record(
      z.string().regex(/^[a-z][A-Za-z0-9]*$/, 'must be letters and digits, such as shop'),
      input,
    )
    .default({}),
  authorization: authorization.optional(),
  token,
  answer: answer.prefault({}),
  renewal: z
    .enum(['refresh_token', 'access_token', 'none'])
    .default('refresh_token')
    .describe(
      'access_token: the living access token is exchanged for a new one. none: tokens do not expire.',
    ),
  lives: life.prefault({}),
  rotation: z
    .enum(['never', 'sometimes', 'always'])
    .optional()
    .describe('Whether a refresh returns a new refresh token. Absent: unknown.'),
  replay: durationOr('safe', 'until_successor_used', 'never')
    .optional()
    .describe(
      'The reaction to a refresh token that is sent twice. A duration: the same answer for so long. Absent: never.',
    ),
  notBefore: duration
    .optional()
    .describe('A refresh is refused earlier than this before the access token expires.'),
  policy,
  errors: errors.prefault({}),
  identity: identity.optional(),
  revocation: revocation.optional(),
  validation: validation.optional(),
  api: z
    .strictObject({
      url: byEnvironment.optional(),
      header: text.optional(),
      notes: z.string().optional(),
    })
    .optional()
    .describe(
      'The API: its base, and the header that presents the token if it is not Authorization: Bearer.',
    ),
  limits: limits.optional(),
  tokenFormat: tokenFormat.prefault({}),
  grants: grants.optional(),
  refusedState: z
    .literal('inactive')
    .optional()
    .describe('The state of refused accounts. Default: needs_reconnect.'),
  examples,
});

/** A parsed file; durations are in ms. */
export type ProviderFile = z.output<typeof providerFileSchema>;

function isPattern(given: string): boolean {
  try {
    return new RegExp(given, 'u') instanceof RegExp;
  } catch {
    return false;
  }
}

function isAddress(given: string): boolean {
  const plain = withoutPlaceholders(given);
  return URL.canParse(plain) && plain.startsWith('https://') && !/[{}\s]/.test(plain);
}

function isPlainUrl(given: string): boolean {
  return !hasUserInfo(new URL(withoutPlaceholders(given))) && !given.includes('#');
}

function withoutPlaceholders(given: string): string {
  return given.replace(/\{[a-zA-Z][\w-]*(\|[a-z0-9.-]+)?\}/g, 'x');
}

/** The members of answers that are kept, each with the pattern of its host if it names one. */
export function keptOfAnswer(file: Pick<ProviderFile, 'answer'>) {
  return file.answer.keep.map((one) =>
    typeof one === 'string' ? { path: one, host: undefined } : one,
  );
}

/** The patterns of hosts in kept values, by the names of the values. */
export function keptHostPatterns(
  file: Pick<ProviderFile, 'authorization' | 'answer'>,
): Record<string, string> {
  const ofCallback = Object.entries(file.authorization?.keep ?? {});
  const stated = [
    ...ofCallback.map(([name, { host }]) => [name, host] as const),
    ...keptOfAnswer(file).map(({ path, host }) => [path, host] as const),
  ];
  return Object.fromEntries(
    stated.flatMap(([name, host]) => (host === undefined ? [] : [[name, host]])),
  );
}
