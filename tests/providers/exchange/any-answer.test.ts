/**
 * No response loses a grant silently. For any mixture of response formats, the grant is stored as it was issued, or the
 * response is classified as a refusal or as unusable.
 */
import { gzipSync } from 'node:zlib';
import * as fc from 'fast-check';
import {
  ACCESS_TOKEN_LIFE_MAX_SECONDS,
  REFRESH_TOKEN_LIFE_MAX_SECONDS,
} from '../../../src/domain/account/token-lifetime';
import { refreshFailure } from '../../../src/domain/refresh/refresh-failure';
import type { Exchange } from '../../../src/providers/exchange/token-exchange';
import { createTransport } from '../../../src/providers/exchange/transport';
import { propertyRuns } from '../../support/property-runs';
import {
  type CannedAnswer,
  type CannedProvider,
  cannedProvider,
  type Exchanged,
  exchangeAt,
  oauth2At,
  send,
  stopProviders,
} from '../_provider';

const ANSWERS = propertyRuns(1_000);
const NOW = new Date('2026-11-22T12:00:00.000Z');
const NOW_S = NOW.getTime() / 1000;
/** Time limit of a Jest test, in ms. 100,000 responses take minutes. */
const TIMEOUT_MS = 14 * 60_000;

afterAll(stopProviders);

/** Text of the characters that RFC 6749 allows in tokens, with a unique part. */
const token = (kind: string) =>
  fc
    .tuple(
      fc.uuid().map((id) => id.replaceAll('-', '')),
      fc.stringMatching(/^[a-cX-Z0-2\-._~+/=^#%&"\\ {}:?]{0,60}$/),
    )
    .map(([id, rest]) => `${kind}${id}${rest}.`);

/** Statements of a lifetime, and whether they must give a warning. */
const accessLife = fc.oneof(
  fc.constant({}),
  fc.integer({ min: 0, max: 34_560_000 }).map((life) => ({ expires_in: life })),
  fc.integer({ min: 1, max: 90_000 }).map((life) => ({ expires_in: String(life) })),
  fc.integer({ min: 1, max: 90_000 }).map((life) => ({ expires_in: NOW_S + life })),
  fc.integer({ min: 1, max: 90_000 }).map((life) => ({ expires_in: (NOW_S + life) * 1000 })),
  fc.integer({ min: 1, max: 90_000 }).map((life) => ({ expires_at: NOW_S + life })),
  fc.integer({ min: 1, max: 90_000 }).map((life) => ({ expires_on: String(NOW_S + life) })),
  fc
    .integer({ min: 1, max: 90_000 })
    .map((life) => ({ expires_at: new Date((NOW_S + life) * 1000).toISOString() })),
  fc.constantFrom<unknown>(-5, 1e20, '1h', '', null, {}, [], true, '9'.repeat(400)).map((odd) => ({
    expires_in: odd,
  })),
);
const refreshLife = fc.tuple(
  fc.constantFrom(
    'refresh_token_expires_in',
    'refresh_expires_in',
    'x_refresh_token_expires_in',
    'refresh_token_expires_at',
  ),
  fc.oneof(
    fc.integer({ min: 0, max: 200_000_000 }),
    fc.integer({ min: 1, max: 200_000_000 }).map(String),
    fc.integer({ min: 1, max: 200_000_000 }).map((life) => NOW_S + life),
    fc.constantFrom<unknown>(-1, 'never', null, 1e300, '2027-01-01T00:00:00Z', undefined),
  ),
);
const extras = fc.dictionary(
  fc.constantFrom('scope', 'token_type', 'id_token', 'userid', 'api_domain', 'ok', 'message', 'x'),
  fc.constantFrom<unknown>('a b', 'Bearer', 'mac', ['a', 'b'], '{a,b}', 7, null, true, { y: 1 }),
);

const grant = fc.record({
  access: token('at'),
  refresh: fc.option(token('rt'), { freq: 3 }),
  accessLife,
  refreshLife,
  isBearer: fc.boolean(),
  extras,
});

const WORDS = ['invalid_grant', 'BAD_REFRESH_TOKEN', 'invalid_client', 'a_new_word', 'TOKEN_DEAD'];
const TEXTS = ['refresh_token is invalid', 'access_token not expired', 'no', 'client request loop'];
const refusal = fc
  .tuple(fc.constantFrom(...WORDS), fc.constantFrom(...TEXTS), fc.nat(8))
  .map(([word, text, form]): object => {
    switch (form) {
      case 0:
        return { error: { code: word, message: text } };
      case 1:
        return { errors: [{ errorType: word, message: text }] };
      case 2:
        return { fault: { faultstring: text, detail: { errorcode: word } } };
      case 3:
        return { error_code: word, message: text };
      case 4:
        return { errorCode: word, title: text };
      default:
        return { error: word, error_description: text };
    }
  });

const wire = fc.record({
  envelope: fc.option(fc.constantFrom('body', 'data', 'authed_user', 'result', 'r', '0'), {
    nil: null,
  }),
  /** Adds another grant, which must never be used. */
  decoy: fc.boolean(),
  tokenPath: fc.boolean(),
  form: fc.constantFrom('json', 'form', 'text', 'array'),
  gzip: fc.boolean(),
  /** The part of the body that arrives, in percent. */
  arrives: fc.oneof({ weight: 3, arbitrary: fc.constant(100) }, fc.integer({ min: 0, max: 99 })),
  status: fc.constantFrom(200, 201),
  refusedWith: fc.constantFrom(200, 400, 401, 403, 404, 429, 500, 503),
});
type Wire = typeof wire extends fc.Arbitrary<infer T> ? T : never;

const DECOY = {
  access_token: 'decoy-access-token-0123456789',
  refresh_token: 'decoy-refresh-0123',
};

/** Returns the body as sent, and the part of it that arrives. */
function written(members: object, { envelope, decoy, form, gzip, arrives }: Wire) {
  const isForm = form === 'form';
  const enveloped = envelope === null || isForm ? members : { status: 0, [envelope]: members };
  // Tokens of another object belong to another grant.
  const whole =
    decoy && !isForm && envelope === null ? { ...enveloped, other_user: DECOY } : enveloped;
  const text = isForm
    ? new URLSearchParams(
        Object.entries(whole)
          .filter(([, value]) => typeof value === 'string' || typeof value === 'number')
          .map(([name, value]): [string, string] => [name, String(value)]),
      ).toString()
    : JSON.stringify(form === 'array' ? [whole] : whole);
  const bytes = gzip ? gzipSync(text) : Buffer.from(text);
  const sent = bytes.subarray(0, Math.ceil((bytes.length * arrives) / 100));
  return { bytes, sent, isWhole: sent.length === bytes.length };
}

function answerOf({ bytes, sent }: { bytes: Buffer; sent: Buffer }, status: number): CannedAnswer {
  return {
    status,
    headers: { 'content-length': String(bytes.length) },
    body: sent,
  };
}

const counts = { stored: 0, warned: 0, refused: 0, throttled: 0, unusable: 0, lost: 0 };

/** Counts the outcome of an exchange. `null`: it is not a valid outcome. */
function endOf({ outcome, failure, warnings }: Exchange): keyof typeof counts | null {
  switch (outcome) {
    case 'ok':
      return warnings.length > 0 ? 'warned' : 'stored';
    case 'rejected':
      return 'refused';
    case 'throttled':
      return 'throttled';
    case 'unknown':
      return failure?.code === 'answer_lost' ? 'lost' : 'unusable';
    case 'not_sent':
      return null;
  }
}

type Issued = typeof grant extends fc.Arbitrary<infer T> ? T : never;

/** Returns the problems of an exchange; empty if there is none. */
function problemsWith(issued: Issued, on: Wire, isWhole: boolean, exchange: Exchanged): string[] {
  const { received, ...shown } = exchange;
  const { outcome, failure, warnings } = shown;
  const [stored] = received;
  const text = JSON.stringify(shown);
  const tokens = [issued.access, issued.refresh ?? issued.access];
  const parts = tokens.flatMap((one) => [one.slice(0, 14), one.slice(10, 24)]);
  const life = stored === undefined ? 1 : stored.expiresAt.getTime() / 1000 - NOW_S;
  const end = stored?.refreshTokenExpiry.expiresAt ?? null;
  const endsIn = end === null ? 1 : end.getTime() / 1000 - NOW_S;
  const isOdd = on.gzip || on.form === 'form' || (on.envelope !== null && !on.tokenPath);
  const wrong: Record<string, boolean> = {
    'a token is shown': parts.some((part) => text.includes(part)),
    'an access token of another kind is stored':
      stored !== undefined && ![issued.access, null].includes(stored.accessToken),
    'a refresh token of another kind is stored':
      stored !== undefined && ![issued.refresh, null].includes(stored.refreshToken),
    'the access token has no plausible life': !(life > 0 && life <= ACCESS_TOKEN_LIFE_MAX_SECONDS),
    'the refresh token has no plausible life': !(
      endsIn > 0 && endsIn <= REFRESH_TOKEN_LIFE_MAX_SECONDS
    ),
    'a whole grant is not stored':
      isWhole &&
      (outcome !== 'ok' ||
        stored?.accessToken !== issued.access ||
        stored.refreshToken !== issued.refresh),
    'an odd answer is not warned of': isWhole && isOdd && warnings.length === 0,
    'ok without the access token': outcome === 'ok' && stored?.accessToken !== issued.access,
    'ok with a failure': outcome === 'ok' && failure !== null,
    'neither stored nor named':
      outcome !== 'ok' && !['invalid_token_response', 'answer_lost'].includes(failure?.code ?? ''),
  };
  return Object.keys(wrong).filter((name) => wrong[name]);
}

/** Returns the problems of how a refusal was handled. */
function problemsWithRefusal(
  refused: object,
  isNamed: boolean,
  { received, outcome, failure, warnings }: Exchanged,
): string[] {
  const text = JSON.stringify(refused);
  const isDead =
    /BAD_REFRESH_TOKEN|TOKEN_DEAD|invalid_grant/.test(text) && !/expired|loop/.test(text);
  const sentence = failure === null ? '' : refreshFailure(failure.code).message;
  const wrong: Record<string, boolean> = {
    'something is stored': received.length > 0,
    'something is warned of': warnings.length > 0,
    'no failure with its sentence': failure === null || failure.message !== sentence,
    'a refusal is not named': isNamed && !['rejected', 'throttled'].includes(outcome),
    'a dead grant is not named': isNamed && isDead && failure?.code !== 'invalid_grant',
  };
  return Object.keys(wrong).filter((name) => wrong[name]);
}

/** Exchanges with a provider that sends this body. */
async function exchangeWritten(
  provider: CannedProvider,
  body: ReturnType<typeof written>,
  status: number,
  config: Parameters<typeof oauth2At>[1],
): Promise<Exchanged> {
  provider.answer = (_request, response) => {
    send(response, answerOf(body, status));
    if (!body.isWhole) response.socket?.end();
  };
  const exchange = await exchangeAt(provider.url, {
    provider: oauth2At(provider.url, config),
    transport: createTransport(),
    now: () => NOW,
  });
  const end = endOf(exchange);
  if (end !== null) counts[end] += 1;
  return exchange;
}

it(
  'a grant in any answer is stored exactly, with a warning if the format is unusual, or the answer is called unusable',
  async () => {
    const provider = await cannedProvider();
    const check = fc.asyncProperty(grant, wire, async (issued, on) => {
      const [name, value] = issued.refreshLife;
      const members = {
        ...issued.extras,
        ...(issued.isBearer ? { token_type: 'Bearer' } : {}),
        ...issued.accessLife,
        [name]: value,
        access_token: issued.access,
        ...(issued.refresh === null ? {} : { refresh_token: issued.refresh }),
      };
      const body = written(members, on);
      const config = on.tokenPath && on.envelope !== null ? { tokenPath: on.envelope } : {};
      const exchange = await exchangeWritten(provider, body, on.status, config);
      expect(problemsWith(issued, on, body.isWhole, exchange)).toEqual([]);
    });
    await fc.assert(check, { numRuns: Math.ceil(ANSWERS * 0.7) });
  },
  TIMEOUT_MS,
);

it(
  'a refusal in any form is recognised, and nothing is stored',
  async () => {
    const provider = await cannedProvider();
    const check = fc.asyncProperty(refusal, extras, wire, async (refused, more, on) => {
      const body = written({ ...more, ...refused }, { ...on, decoy: false });
      const status = on.refusedWith;
      const exchange = await exchangeWritten(provider, body, status, {
        failureCodes: { TOKEN_DEAD: 'invalid_grant' },
      });
      // A form can contain text only, so an error that is an object is lost.
      const isNamed = body.isWhole && on.form !== 'form' && status < 500 && status !== 429;
      expect(problemsWithRefusal(refused, isNamed, exchange)).toEqual([]);
    });
    await fc.assert(check, { numRuns: Math.ceil(ANSWERS * 0.3) });
  },
  TIMEOUT_MS,
);

it('the answers cover every kind of outcome', () => {
  expect(Object.entries(counts).filter(([, count]) => count === 0)).toEqual([]);
});
