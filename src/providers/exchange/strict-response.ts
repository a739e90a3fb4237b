/**
 * Prepares a response for oauth4webapi's strict parser. Removes members that other code checks and known deviations of
 * the provider, so that the parser reports only unknown ones.
 */
import type { RecognizedTokenTypes } from 'oauth4webapi';
import type { ProviderAdapter } from '../provider';
import type { SalvagedTokens } from './salvage-tokens';
import type { TransportResponse } from './transport';

/**
 * Members that the strict parser must not check: the ID token is not used, and other code reads lifetimes and scopes in
 * more formats than the standard's, with warnings.
 */
const JUDGED_ELSEWHERE: ReadonlySet<string> = new Set(['id_token', 'expires_in', 'scope']);

/**
 * Passes only the content type. With a challenge header the parser would ignore the error in the body, and some servers
 * label JSON as text.
 */
export function strictResponse(
  { status, body }: TransportResponse,
  salvaged: SalvagedTokens | null,
  adapter: ProviderAdapter,
): Response {
  const isBodyless = status === 204 || status === 304;
  return new Response(isBodyless ? null : readableBody(body, salvaged, adapter), {
    status,
    headers: {
      'content-type':
        salvaged !== null || body.trimStart().startsWith('{') ? 'application/json' : 'text/plain',
    },
  });
}

/** Token types that the strict parser accepts besides `Bearer`. */
export function recognizedTokenTypes({ tokenTypes }: ProviderAdapter): RecognizedTokenTypes {
  return Object.fromEntries(tokenTypes.map((type) => [type, () => undefined]));
}

function readableBody(
  body: string,
  salvaged: SalvagedTokens | null,
  adapter: ProviderAdapter,
): string {
  if (salvaged === null) return body;
  const members = Object.fromEntries(
    Object.entries(salvaged.members).filter(([name]) => !JUDGED_ELSEWHERE.has(name)),
  );
  const assumesType = adapter.omitsTokenType === true && members['token_type'] === undefined;
  return JSON.stringify(assumesType ? { ...members, token_type: 'bearer' } : members);
}
