/**
 * The answer as oauth4webapi's strict parser may read it: the body that was received, without what a provider is known
 * to do otherwise, so that the parser's complaints are news.
 */
import type { ProviderAdapter } from './provider';
import { parseObject } from './salvage-tokens';
import type { TransportResponse } from './transport';

/**
 * Only the header the parser needs: a challenge header would make it skip the error in the body, and some servers
 * label JSON as text.
 */
export function strictResponse(answer: TransportResponse, adapter: ProviderAdapter): Response {
  const bodyless = answer.status === 204 || answer.status === 304;
  return new Response(bodyless ? null : readableBody(answer.body, adapter), {
    status: answer.status,
    headers: {
      'content-type': answer.body.trimStart().startsWith('{') ? 'application/json' : 'text/plain',
    },
  });
}

/** An ID token says who signed in, which is not ours to judge: it is not kept, and need not be valid. */
function readableBody(body: string, adapter: ProviderAdapter): string {
  const members = parseObject(body);
  if (members === null) return body;
  const { id_token: idToken, ...others } = members;
  const assumesType =
    adapter.omitsTokenType === true &&
    others['token_type'] === undefined &&
    others['access_token'] !== undefined;
  if (idToken === undefined && !assumesType) return body;
  return JSON.stringify({ ...others, ...(assumesType ? { token_type: 'bearer' } : {}) });
}
