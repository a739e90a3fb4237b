/** Every response of a provider gives one outcome, and the outcome reveals no token. */
import * as fc from 'fast-check';
import { EXCHANGE_OUTCOMES } from '../../../src/domain/logs/log-entry';
import { createTransport } from '../../../src/providers/exchange/transport';
import { leaks, UNPRINTABLE } from '../../domain/_planted-secrets';
import { propertyRuns } from '../../support/property-runs';
import {
  type CannedAnswer,
  CLIENT_SECRET,
  cannedProvider,
  exchangeAt,
  NEW_ACCESS_TOKEN,
  NEW_REFRESH_TOKEN,
  REFRESH_TOKEN,
  send,
  stopProviders,
} from '../_provider';

const ANSWERS = propertyRuns(2000);

const secrets = [REFRESH_TOKEN, CLIENT_SECRET, NEW_ACCESS_TOKEN, NEW_REFRESH_TOKEN];
/** Ways in which a provider can echo a secret: in whole, in part, or URL-encoded. */
const echo = fc.oneof(
  fc.constantFrom(...secrets),
  fc.constantFrom(...secrets).map(encodeURIComponent),
  fc.constantFrom(...secrets).map((secret) => `the token ${secret} is not known`),
  fc
    .tuple(
      fc.constantFrom(REFRESH_TOKEN, CLIENT_SECRET),
      fc.nat(30),
      fc.integer({ min: 8, max: 30 }),
    )
    .map(([secret, from, length]) => `near "${secret.slice(from, from + length)}"`),
);
const names = fc.oneof(
  fc.constantFrom(
    'access_token',
    'refresh_token',
    'token_type',
    'expires_in',
    'refresh_token_expires_in',
    'scope',
    'error',
    'error_description',
    'error_uri',
    'id_token',
    'message',
    '__proto__',
  ),
  echo,
);
const { value } = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    echo,
    fc.constantFrom(
      null,
      true,
      3600,
      -5,
      1e20,
      '',
      '1h',
      'Bearer',
      'invalid_grant',
      'invalid_client',
    ),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(names, tie('value'), { maxKeys: 3 }),
  ),
}));
const body = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.dictionary(names, value, { maxKeys: 6 }).map((one) => JSON.stringify(one)),
  },
  { weight: 1, arbitrary: value.map((one) => JSON.stringify(one)) },
  { weight: 2, arbitrary: echo.map((one) => `<html><p>${one}</p>\u001b]0;x\u0007</html>`) },
  {
    weight: 2,
    arbitrary: fc
      .tuple(fc.dictionary(names, value, { maxKeys: 6 }), fc.nat(300))
      .map(([one, length]) => JSON.stringify(one).slice(0, length)),
  },
);
const answers: fc.Arbitrary<CannedAnswer> = fc.record({
  status: fc.constantFrom(200, 200, 200, 201, 400, 400, 401, 403, 404, 429, 500, 503, 302),
  headers: fc.dictionary(
    fc.constantFrom(
      'x-request-id',
      'retry-after',
      'www-authenticate',
      'location',
      'x-echo',
      'content-type',
    ),
    echo,
    { maxKeys: 3 },
  ),
  body,
});

afterAll(stopProviders);

it('R1.2 has one outcome and shows no token, for thousands of answers that echo tokens', async () => {
  const provider = await cannedProvider();
  const transport = createTransport();
  const outcomes = new Set<string>();
  await fc.assert(
    fc.asyncProperty(answers, async (canned) => {
      provider.answer = (_request, response) => send(response, canned);
      const { received, ...exchange } = await exchangeAt(provider.url, { transport });
      outcomes.add(exchange.outcome);
      expect(EXCHANGE_OUTCOMES).toContain(exchange.outcome);
      expect(exchange.failure === null).toBe(exchange.outcome === 'ok');
      expect(received.length).toBeLessThanOrEqual(1);
      const shown = JSON.stringify(exchange);
      // No part of the request's two secrets may appear, and no received token as a whole.
      for (const secret of [REFRESH_TOKEN, CLIENT_SECRET]) expect(leaks(shown, secret)).toEqual([]);
      for (const token of [NEW_ACCESS_TOKEN, NEW_REFRESH_TOKEN]) {
        expect(shown).not.toContain(token.slice(28));
        expect(shown).not.toContain(encodeURIComponent(token).slice(48));
      }
      expect(JSON.stringify(exchange.response)).not.toMatch(UNPRINTABLE);
    }),
    { numRuns: ANSWERS },
  );
  expect([...outcomes].toSorted()).toEqual(['ok', 'rejected', 'throttled', 'unknown']);
  expect(provider.requests).toBeGreaterThanOrEqual(ANSWERS);
});
