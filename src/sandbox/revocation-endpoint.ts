/** Serves the revocation path of a dialect that has one: a revoked token ends its whole grant. */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import type { AuthorizationServer } from './authorization-server';
import type { Dialect, WireAnswer } from './dialect';
import type { Dialects } from './dialects';
import type { Ledger } from './ledger';
import { delayAfterCommitMs, type Script, wireAnswer } from './scripted-answer';
import { readTokenRequest } from './token-endpoint';

export interface RevocationEndpointDeps {
  dialects: Dialects;
  authorizationServer: AuthorizationServer;
  ledger: Ledger;
  script: Script;
  stopping: AbortSignal;
}

export class RevocationEndpoint {
  readonly #deps: RevocationEndpointDeps;

  constructor(deps: RevocationEndpointDeps) {
    this.#deps = deps;
  }

  /** @returns whether the request was a revocation */
  handle(request: IncomingMessage, response: ServerResponse): boolean {
    const path = request.url?.split('?')[0] ?? '';
    const dialect = this.#deps.dialects.at(path);
    if (dialect?.revocation?.path !== path || request.method !== dialect.revocation.method)
      return false;
    void this.#answer(dialect, dialect.revocation, request, response);
    return true;
  }

  async #answer(
    dialect: Dialect,
    revocation: NonNullable<Dialect['revocation']>,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const { authorizationServer, ledger, script, stopping } = this.#deps;
    const asked = await readTokenRequest((sent) => revocation.read(sent), request);
    if (asked === undefined) return;
    const { token = '' } = asked;
    const subject =
      authorizationServer.subjectOf(dialect.provider, token) ??
      authorizationServer.subjectOfAccessToken(dialect.provider, token);
    const scripted = script.take(subject, 'revocation');
    let answer: WireAnswer;
    if (scripted !== undefined && scripted.kind !== 'normal') {
      if (scripted.kind === 'drop' || scripted.kind === 'hang') {
        response.socket?.resetAndDestroy();
        return;
      }
      answer = wireAnswer(scripted, dialect, undefined);
    } else if (revocation.isAnonymous !== true && !authorizationServer.isClient(dialect, asked))
      answer = dialect.refused('invalid_client');
    else if (asked.malformed) answer = dialect.refused('invalid_request');
    else if (subject === undefined) answer = revocation.unknown();
    else {
      authorizationServer.revoke(token);
      answer = revocation.revoked();
    }
    ledger.record({
      event: 'withdrawn',
      provider: dialect.provider,
      requestId: randomUUID(),
      connectionId: 'revocation',
      status: answer.status,
      ...(subject !== undefined && { subject }),
      ...(scripted && { scripted: scripted.kind }),
    });
    const delayMs = delayAfterCommitMs(scripted);
    if (delayMs > 0) await delay(delayMs, undefined, { signal: stopping }).catch(() => undefined);
    response.writeHead(answer.status, answer.headers).end(answer.body);
  }
}
