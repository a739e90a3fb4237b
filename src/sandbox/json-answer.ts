/** A JSON response of a token endpoint. */
import type { WireAnswer } from './dialect';

/** RFC 6749 section 5.1 requires both cache headers on responses with tokens. */
export function jsonAnswer(
  status: number,
  body: object,
  headers: Readonly<Record<string, string>> = {},
): WireAnswer {
  return {
    status,
    headers: {
      'content-type': 'application/json',
      'cache-control': 'no-store',
      pragma: 'no-cache',
      ...headers,
    },
    body: JSON.stringify(body),
  };
}
