/** Handles a token request: read, record, judge, commit, record, respond, record. A script may change each step. */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { AuthorizationServer } from './authorization-server';
import type { CredentialGrants } from './credential-grants';
import type { Dialect, PresentedRequest, RefusalCode, TokenRequest, WireAnswer } from './dialect';
import type { Dialects } from './dialects';
import { type Ledger, type LedgerEntry, refreshTokenFingerprint } from './ledger';
import { readBody } from './read-body';
import {
  committing,
  delayAfterCommitMs,
  delayBeforeCommitMs,
  type Script,
  type ScriptedAnswer,
  wireAnswer,
} from './scripted-answer';

export interface TokenEndpointDeps {
  dialects: Dialects;
  authorizationServer: AuthorizationServer;
  credentialGrants: CredentialGrants;
  ledger: Ledger;
  script: Script;
  /** Aborted when the sandbox stops. */
  stopping: AbortSignal;
}

/** The fields that all ledger entries of one request share. */
type Exchange = Omit<LedgerEntry, 'sequence' | 'at' | 'event' | 'outcome' | 'status'>;

type Decided = Required<Pick<LedgerEntry, 'outcome'>> & { answer: WireAnswer };

/** Serves the token paths of all dialects. Other paths give 404, other methods 405. */
export class TokenEndpoint {
  readonly #deps: TokenEndpointDeps;
  readonly #connectionIds = new WeakMap<Socket, string>();
  #connections = 0;

  constructor(deps: TokenEndpointDeps) {
    this.#deps = deps;
  }

  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url?.split('?')[0] ?? '';
    const dialect = this.#deps.dialects.at(path);
    const { tokenPath, refreshPath = tokenPath, tokenMethod = 'POST' } = dialect ?? {};
    if (!dialect || (path !== tokenPath && path !== refreshPath)) {
      response.writeHead(404).end();
      return;
    }
    if (request.method !== tokenMethod) {
      response.writeHead(405, { allow: tokenMethod }).end();
      return;
    }
    const sent = await readTokenRequest((one) => dialect.readTokenRequest(one), request);
    if (!sent) return;
    const isHere = path === (sent.grantType === 'refresh_token' ? refreshPath : tokenPath);
    const read = isHere ? sent : { ...sent, grantType: 'of another path' };
    const { authorizationServer, credentialGrants } = this.#deps;
    const judged = await credentialGrants.judge(read, {
      isApp: authorizationServer.isClient(dialect, read),
      audience: `${authorizationServer.url}${tokenPath}`,
    });
    const asked = judged === null ? read : { ...read, judged };
    const received = this.#describe(dialect, asked, request.socket);
    this.#deps.ledger.record({ ...received, event: 'received' });
    const scripted = this.#deps.script.take(received.subject);
    const exchange = { ...received, ...(scripted && { scripted: scripted.kind }) };
    await this.#answer(dialect, asked, exchange, scripted, response);
  }

  async #answer(
    dialect: Dialect,
    asked: TokenRequest,
    exchange: Exchange,
    scripted: ScriptedAnswer | undefined,
    response: ServerResponse,
  ): Promise<void> {
    const { ledger, stopping } = this.#deps;
    response.once('close', () => {
      if (response.writableFinished) return;
      const outcome = stopping.aborted ? 'stopped' : 'client_gone';
      const byScript = scripted?.kind === 'drop' && { outcome: 'scripted' as const };
      ledger.record({ ...exchange, event: 'dropped', outcome, ...byScript });
    });

    const until = scripted?.kind === 'normal' ? scripted.until : undefined;
    if (!(await this.#pause(delayBeforeCommitMs(scripted), until))) return;
    const decided = this.#decide(dialect, asked, exchange, committing(scripted));
    if (!(await this.#pause(delayAfterCommitMs(scripted), until))) return;

    if (scripted?.kind === 'hang') return;
    if (scripted?.kind === 'drop') {
      response.socket?.resetAndDestroy();
      return;
    }
    const spoken: Decided | undefined =
      scripted === undefined || scripted.kind === 'normal'
        ? decided
        : {
            outcome: 'scripted',
            answer: wireAnswer(
              scripted,
              dialect,
              decided?.outcome === 'ok' ? decided.answer : undefined,
            ),
          };
    if (!spoken || response.destroyed) return;

    const { outcome, answer } = spoken;
    response.once('finish', () => {
      ledger.record({ ...exchange, event: 'answered', outcome, status: answer.status });
    });
    response.statusCode = answer.status;
    const headers = { 'x-request-id': exchange.requestId, ...answer.headers };
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    response.end(answer.body);
  }

  /** Judges the request and, if `commit` allows it, mints a grant. `undefined`: a script withholds the grant. */
  #decide(
    dialect: Dialect,
    asked: TokenRequest,
    exchange: Exchange,
    commit: boolean,
  ): Decided | undefined {
    const { authorizationServer, ledger } = this.#deps;
    const verdict = authorizationServer.judge(dialect, asked);
    if (!verdict.accepted) {
      if (verdict.replayed && commit && authorizationServer.revokeReplayed(verdict.replayed)) {
        ledger.record({ ...exchange, event: 'revoked' });
      }
      return { outcome: verdict.code, answer: refusalOf(dialect, verdict.code) };
    }
    if (!commit) return undefined;
    const minted = authorizationServer.commit(dialect, verdict);
    ledger.record({
      ...exchange,
      event: 'committed',
      outcome: 'minted',
      ...(minted.refreshToken !== undefined && {
        mintedRefreshTokenFingerprint: refreshTokenFingerprint(minted.refreshToken),
      }),
    });
    return { outcome: 'ok', answer: dialect.granted(minted) };
  }

  /** @returns whether the sandbox is still running */
  async #pause(ms: number, until: Promise<unknown> = new Promise(() => {})): Promise<boolean> {
    if (ms > 0) {
      const over = new AbortController();
      const signal = AbortSignal.any([this.#deps.stopping, over.signal]);
      await Promise.race([delay(ms, undefined, { signal }).catch(() => undefined), until]);
      over.abort();
    }
    return !this.#deps.stopping.aborted;
  }

  #describe(dialect: Dialect, asked: TokenRequest, socket: Socket): Exchange {
    const { provider } = dialect;
    const base = { provider, requestId: randomUUID(), connectionId: this.#connectionId(socket) };
    const { authorizationServer } = this.#deps;
    if (asked.judged !== undefined) return { ...base, subject: asked.judged.subject };
    if (asked.refreshToken === undefined) {
      const subject = authorizationServer.subjectOfCode(provider, asked.code ?? '');
      return { ...base, ...(subject !== undefined && { subject }) };
    }
    const subject =
      authorizationServer.subjectOf(provider, asked.refreshToken) ??
      authorizationServer.subjectOfAccessToken(provider, asked.refreshToken);
    return {
      ...base,
      ...(subject !== undefined && { subject }),
      refreshTokenFingerprint: refreshTokenFingerprint(asked.refreshToken),
      ...(authorizationServer.isRotated(provider, asked.refreshToken) && {
        rotatedTokenPresented: true,
      }),
      ...(asked.refreshToken.startsWith('ENC:') && { sealedTokenPresented: true }),
    };
  }

  #connectionId(socket: Socket): string {
    const known = this.#connectionIds.get(socket);
    if (known !== undefined) return known;
    this.#connections += 1;
    const id = `connection-${this.#connections}`;
    this.#connectionIds.set(socket, id);
    return id;
  }
}

function refusalOf(dialect: Dialect, code: RefusalCode): WireAnswer {
  if (code !== 'too_early') return dialect.refused(code);
  return dialect.notBefore?.refused() ?? dialect.refused('invalid_request');
}

/** Reads the complete request, or returns `undefined` if the client disconnected before its end. */
export async function readTokenRequest(
  read: (request: PresentedRequest) => TokenRequest,
  request: IncomingMessage,
): Promise<TokenRequest | undefined> {
  const body = await readBody(request);
  if (body === undefined) return undefined;
  const asked = read({
    authorization: request.headers.authorization,
    contentType: request.headers['content-type'],
    body: body.text,
    query: request.url?.split('?')[1] ?? '',
    headers: request.headers,
  });
  return body.isTooLong ? { ...asked, malformed: true } : asked;
}
