/**
 * The token endpoint for a caller who was recognised a moment ago and asks for nothing odd, which is nearly every request:
 * on Node's own request and answer, where a framework's would cost more than all that is done here. Whatever it is not sure
 * of goes the usual way, and is refused there with its sentence.
 */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { hasScope, presentedBearer } from './authenticate';
import type { Authenticator } from './authenticator';
import type { ApiDependencies } from './dependencies';
import {
  MIN_VALID_SECONDS,
  MIN_VALID_SECONDS_MAX,
  recordHandout,
  tokenBody,
} from './routes/get-token';
import type { TokenUse, ValidToken, ValidTokens } from './valid-tokens';

interface KnownCallerDependencies extends Pick<ApiDependencies, 'handouts'> {
  authenticator: Authenticator;
  tokens: ValidTokens;
  /** What every answer of the API has. */
  headers: Promise<Readonly<Record<string, string>>>;
  /** Answers with what went wrong. */
  refuse: (error: Error) => RequestListener;
}

const PLAIN_URL = /^\/api\/tokens\/([\w-]+)(?:\?min_valid_seconds=(\d{1,5}))?$/;
const REQUEST_ID = /^[\w\-=]{1,255}$/;

/** @param others takes what is not answered here */
export function knownCallersFirst(
  { authenticator, handouts, tokens, ...deps }: KnownCallerDependencies,
  others: RequestListener,
): RequestListener {
  let always: readonly string[] | null = null;
  void deps.headers.then(
    (headers) => (always = [...Object.entries(headers).flat(), 'content-type', 'application/json']),
  );

  function useOf({ method, url = '', headers, socket }: IncomingMessage): TokenUse | null {
    const hasBody = headers['content-length'] ?? headers['transfer-encoding'];
    if (method !== 'GET' || hasBody !== undefined) return null;
    const [, accountId, seconds = MIN_VALID_SECONDS] = PLAIN_URL.exec(url) ?? [];
    const presented = presentedBearer(headers.authorization);
    if (accountId === undefined || presented === undefined) return null;
    const minValidSeconds = Number(seconds);
    if (minValidSeconds > MIN_VALID_SECONDS_MAX) return null;
    const principal = authenticator.recall(presented, socket.remoteAddress ?? null);
    if (principal === null || !hasScope(principal, 'tokens')) return null;
    const { organisation, keyId } = principal;
    return { organisation, keyId, accountId, minValidSeconds };
  }

  function answer(
    incoming: IncomingMessage,
    outgoing: ServerResponse,
    use: TokenUse,
    token: ValidToken,
  ): void {
    const requestId = requestIdOf(incoming);
    recordHandout(handouts, use, token, requestId);
    const body = JSON.stringify(tokenBody(token));
    outgoing.writeHead(200, [
      ...(always ?? []),
      'x-request-id',
      requestId,
      'content-length',
      String(Buffer.byteLength(body)),
    ]);
    outgoing.end(body);
  }

  async function answerFromStore(
    incoming: IncomingMessage,
    outgoing: ServerResponse,
    use: TokenUse,
  ): Promise<void> {
    let token: ValidToken;
    try {
      token = await tokens.get(use);
    } catch (error) {
      const trouble = error instanceof Error ? error : new Error('no token could be read');
      return deps.refuse(trouble)(incoming, outgoing);
    }
    answer(incoming, outgoing, use, token);
  }

  return (incoming, outgoing) => {
    const use = always === null ? null : useOf(incoming);
    if (use === null) return others(incoming, outgoing);
    const token = tokens.recall(use);
    if (token !== null) return answer(incoming, outgoing, use, token);
    void answerFromStore(incoming, outgoing, use);
  };
}

/** As the middleware has it. */
function requestIdOf({ headers }: IncomingMessage): string {
  const given = headers['x-request-id'];
  return typeof given === 'string' && REQUEST_ID.test(given) ? given : randomUUID();
}
