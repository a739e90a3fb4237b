/** Serves each provider's validation call: accepts live tokens of the sandbox, unless a script says otherwise. */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import type { AuthorizationServer } from './authorization-server';
import type { Dialect, WireAnswer } from './dialect';
import type { Ledger } from './ledger';
import {
  delayAfterCommitMs,
  type Script,
  type ScriptedAnswer,
  wireAnswer,
} from './scripted-answer';

export interface ValidationEndpointDeps {
  dialects: readonly Dialect[];
  authorizationServer: AuthorizationServer;
  ledger: Ledger;
  script: Script;
  /** Aborted when the sandbox stops. */
  stopping: AbortSignal;
}

export class ValidationEndpoint {
  readonly #deps: ValidationEndpointDeps;

  constructor(deps: ValidationEndpointDeps) {
    this.#deps = deps;
  }

  /** @returns whether the request was a validation call */
  handle(request: IncomingMessage, response: ServerResponse): boolean {
    const path = request.url?.split('?')[0] ?? '';
    const dialect = this.#deps.dialects.find(
      ({ validation }) => validation.path === path && validation.method === request.method,
    );
    if (dialect === undefined) return false;
    request.resume().once('end', () => void this.#answer(dialect, request, response));
    return true;
  }

  async #answer(
    dialect: Dialect,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const { authorizationServer, ledger, script, stopping } = this.#deps;
    const { provider, validation } = dialect;
    const token = validation.presented(request.headers) ?? '';
    const subject = authorizationServer.subjectOfAccessToken(provider, token);
    const scripted = script.take(subject, 'validation');
    const entry = {
      provider,
      requestId: randomUUID(),
      connectionId: 'validation',
      event: 'validated' as const,
      ...(subject !== undefined && { subject }),
      ...(scripted && { scripted: scripted.kind }),
    };
    const works = subject !== undefined && authorizationServer.isAccessTokenActive(token);
    const answer = spoken(scripted, dialect, works ? validation.accepted(subject) : undefined);
    ledger.record({ ...entry, ...(answer && { status: answer.status }) });
    const delayMs = delayAfterCommitMs(scripted);
    if (delayMs > 0) await delay(delayMs, undefined, { signal: stopping }).catch(() => undefined);
    if (answer === undefined) {
      if (scripted?.kind === 'drop') response.socket?.resetAndDestroy();
      return;
    }
    const headers = { ...dialect.commonHeaders(entry.requestId), ...answer.headers };
    response.writeHead(answer.status, headers).end(answer.body);
  }
}

/** Returns the response to send, or `undefined` for none. */
function spoken(
  scripted: ScriptedAnswer | undefined,
  dialect: Dialect,
  accepted: WireAnswer | undefined,
): WireAnswer | undefined {
  if (scripted === undefined || scripted.kind === 'normal')
    return accepted ?? dialect.validation.refused();
  if (scripted.kind === 'drop' || scripted.kind === 'hang') return undefined;
  return wireAnswer(scripted, dialect, accepted);
}
