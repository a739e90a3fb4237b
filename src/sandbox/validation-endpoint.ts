/**
 * Serves the calls of each provider that validate a token or name its person: accepts live tokens of the sandbox, unless
 * a script says otherwise.
 */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import type { AuthorizationServer } from './authorization-server';
import type { Dialect, WireAnswer } from './dialect';
import type { Dialects } from './dialects';
import type { Ledger } from './ledger';
import {
  delayAfterCommitMs,
  type Script,
  type ScriptedAnswer,
  wireAnswer,
} from './scripted-answer';

export interface ValidationEndpointDeps {
  dialects: Dialects;
  authorizationServer: AuthorizationServer;
  ledger: Ledger;
  script: Script;
  /** Aborted when the sandbox stops. */
  stopping: AbortSignal;
}

type Resource = NonNullable<Dialect['validation']>;

export class ValidationEndpoint {
  readonly #deps: ValidationEndpointDeps;

  constructor(deps: ValidationEndpointDeps) {
    this.#deps = deps;
  }

  /** @returns whether the request was a validation call */
  handle(request: IncomingMessage, response: ServerResponse): boolean {
    const path = request.url?.split('?')[0] ?? '';
    const dialect = this.#deps.dialects.at(path);
    const resource = [dialect?.validation, dialect?.identity].find(
      (one) => one?.path === path && one.method === request.method,
    );
    if (dialect === undefined || resource === undefined) return false;
    request.resume().once('end', () => void this.#answer(dialect, resource, request, response));
    return true;
  }

  async #answer(
    dialect: Dialect,
    resource: Resource,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const { authorizationServer, ledger, script, stopping } = this.#deps;
    const { provider } = dialect;
    const token = resource.presented(request.headers) ?? '';
    const subject = authorizationServer.subjectOfAccessToken(provider, token);
    const isValidation = resource === dialect.validation;
    const scripted = isValidation ? script.take(subject, 'validation') : undefined;
    const entry = {
      provider,
      requestId: randomUUID(),
      connectionId: 'validation',
      event: isValidation ? ('validated' as const) : ('identified' as const),
      ...(subject !== undefined && { subject }),
      ...(scripted && { scripted: scripted.kind }),
    };
    const works = subject !== undefined && authorizationServer.isAccessTokenActive(token);
    const accepted = works ? resource.accepted(subject) : undefined;
    const answer =
      scripted === undefined || scripted.kind === 'normal'
        ? (accepted ?? resource.refused())
        : spoken(scripted, dialect, accepted);
    ledger.record({ ...entry, ...(answer && { status: answer.status }) });
    const delayMs = delayAfterCommitMs(scripted);
    if (delayMs > 0) await delay(delayMs, undefined, { signal: stopping }).catch(() => undefined);
    if (answer === undefined) {
      if (scripted?.kind === 'drop') response.socket?.resetAndDestroy();
      return;
    }
    const headers = { 'x-request-id': entry.requestId, ...answer.headers };
    response.writeHead(answer.status, headers).end(answer.body);
  }
}

/** Returns the scripted response, or `undefined` for none. */
function spoken(
  scripted: Exclude<ScriptedAnswer, { kind: 'normal' }>,
  dialect: Dialect,
  accepted: WireAnswer | undefined,
): WireAnswer | undefined {
  if (scripted.kind === 'drop' || scripted.kind === 'hang') return undefined;
  return wireAnswer(scripted, dialect, accepted);
}
