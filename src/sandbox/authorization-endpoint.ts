/**
 * Serves the authorization path of each dialect: checks the request, shows the consent page, and sends the browser to the
 * callback with a code or an error.
 */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import type { AuthorizationServer } from './authorization-server';
import { consentPage, refusalPage } from './consent-page';
import type { Dialect } from './dialect';
import type { Dialects } from './dialects';
import type { Ledger } from './ledger';
import { readBody } from './read-body';
import type { ConsentScript, ScriptedConsent } from './scripted-consent';

export interface AuthorizationEndpointDeps {
  dialects: Dialects;
  authorizationServer: AuthorizationServer;
  ledger: Ledger;
  consentScript: ConsentScript;
  /** Callback URLs by the name that a client sends as its redirect URI, such as eBay's RuName. */
  redirectUris: Readonly<Record<string, string>>;
  /** Aborted when the sandbox stops. */
  stopping: AbortSignal;
}

/** Parameters of the consent page's form, besides those of the authorization request. */
const DECISION = ['decision', 'subject', 'other', 'granted'];

export class AuthorizationEndpoint {
  readonly #deps: AuthorizationEndpointDeps;

  constructor(deps: AuthorizationEndpointDeps) {
    this.#deps = deps;
  }

  /** @returns whether the request was for an authorization path */
  handle(request: IncomingMessage, response: ServerResponse): boolean {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://sandbox');
    const dialect = this.#deps.dialects.at(pathname);
    if (dialect?.authorization.path !== pathname) return false;
    if (request.method === 'POST') void this.#decide(dialect, request, response);
    else this.#show(dialect, searchParams, response);
    return true;
  }

  #show(dialect: Dialect, sent: URLSearchParams, response: ServerResponse): void {
    const request = readAs(dialect, sent);
    const problem = this.#problem(request);
    if (problem !== null) {
      send(response, 400, refusalPage(problem));
      return;
    }
    const fault = faultOf(dialect, request);
    if (fault !== null) {
      this.#redirect(response, request, { error: fault });
      return;
    }
    const { authorizationServer } = this.#deps;
    const named = accountOf(dialect, sent);
    const subjects = [
      ...(named === null ? [] : [named]),
      ...authorizationServer.subjects(dialect.provider).filter((one) => one !== named),
    ];
    send(
      response,
      200,
      consentPage({
        provider: dialect.name,
        clientId: request.get('client_id') ?? '',
        subjects: subjects.length > 0 ? subjects : ['sandbox_user'],
        scopes: scopesOf(request),
        request: sent,
      }),
    );
  }

  async #decide(
    dialect: Dialect,
    message: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const body = await readBody(message);
    if (body === undefined) return;
    const form = new URLSearchParams(body.text);
    const sent = new URLSearchParams([...form].filter(([name]) => !DECISION.includes(name)));
    const request = readAs(dialect, sent);
    const problem = this.#problem(request) ?? faultOf(dialect, request);
    if (problem !== null) {
      send(response, 400, refusalPage(problem));
      return;
    }
    const { ledger, consentScript, authorizationServer, stopping } = this.#deps;
    const scripted = consentScript.take();
    const subject = form.get('other')?.trim() || (form.get('subject') ?? 'sandbox_user');
    const isApproved = form.get('decision') === 'approve' && scripted?.kind !== 'error';
    ledger.record({
      event: isApproved ? 'consented' : 'declined',
      provider: dialect.provider,
      requestId: randomUUID(),
      connectionId: 'authorization',
      subject,
      ...(scripted && { scripted: scripted.kind }),
    });
    if (scripted?.kind === 'late')
      await delay(scripted.delayMs, undefined, { signal: stopping }).catch(() => undefined);
    if (!isApproved) {
      this.#redirect(response, request, errorOf(scripted), dialect, subject, scripted);
      return;
    }
    const requested = scopesOf(request);
    // A request without scopes asks for those of the app.
    const granted =
      requested.length === 0
        ? dialect.defaultScopes
        : requested.filter((scope) => form.getAll('granted').includes(scope));
    const code = authorizationServer.issueCode({
      provider: dialect.provider,
      clientId: request.get('client_id') ?? '',
      redirectUri: request.get('redirect_uri') ?? '',
      challenge: request.get('code_challenge'),
      subject,
      scopes: granted,
      givesRefreshToken:
        scripted?.kind !== 'no_refresh_token' &&
        (dialect.authorization.givesRefreshToken?.(request) ?? true),
    });
    this.#redirect(response, request, { code }, dialect, subject, scripted);
  }

  /** Without a client and a redirect URI, the browser must not be redirected. */
  #problem(request: URLSearchParams): string | null {
    if (request.get('client_id') !== this.#deps.authorizationServer.clientId)
      return 'The client is not known.';
    const callback = this.#callback(request);
    const isUrl = callback !== null && URL.canParse(callback);
    return isUrl && /^https?:$/.test(new URL(callback).protocol)
      ? null
      : 'The redirect URI is not known.';
  }

  #callback(request: URLSearchParams): string | null {
    const stated = request.get('redirect_uri');
    return stated === null ? null : (this.#deps.redirectUris[stated] ?? stated);
  }

  #redirect(
    response: ServerResponse,
    request: URLSearchParams,
    result: Readonly<Record<string, string>>,
    dialect?: Dialect,
    subject = '',
    scripted?: ScriptedConsent,
  ): void {
    const { authorizationServer } = this.#deps;
    const state = request.get('state');
    const { authorization } = dialect ?? {};
    const iss = {
      ...(dialect?.authorization.sendsIssuer === true && {
        iss: authorizationServer.issuerOf(dialect.provider),
      }),
      ...(scripted?.kind === 'wrong_iss' && { iss: 'https://issuer.invalid' }),
    };
    const parameters = {
      ...result,
      ...(state !== null && { state }),
      ...(scripted?.kind === 'no_iss' ? {} : iss),
    };
    const sent =
      authorization?.callback?.(parameters, subject, authorizationServer.clientSecret) ??
      parameters;
    const location = new URL(this.#callback(request) ?? '');
    for (const [name, value] of Object.entries(sent)) location.searchParams.set(name, value);
    response.writeHead(303, { location: location.href, 'cache-control': 'no-store' }).end();
  }
}

/** Returns the error of a request that may be reported to the client, or `null`. */
function faultOf({ authorization }: Dialect, request: URLSearchParams): string | null {
  if (request.get('response_type') !== 'code') return 'unsupported_response_type';
  const isChallenged = request.has('code_challenge');
  if (isChallenged && request.get('code_challenge_method') !== 'S256') return 'invalid_request';
  const isRefused =
    (authorization.pkce === 'required' && !isChallenged) ||
    (authorization.pkce === 'refused' && isChallenged);
  return isRefused ? 'invalid_request' : null;
}

function readAs({ authorization }: Dialect, sent: URLSearchParams): URLSearchParams {
  return authorization.read?.(sent) ?? sent;
}

/** The account whose host the consent page would be on. The sandbox gets it as a parameter. */
function accountOf({ authorization }: Dialect, sent: URLSearchParams): string | null {
  const [name] = new URLSearchParams(authorization.search).keys();
  return name === undefined ? null : sent.get(name);
}

function errorOf(scripted: ScriptedConsent | undefined): Record<string, string> {
  if (scripted?.kind !== 'error') return { error: 'access_denied' };
  const { error, description } = scripted;
  return { error, ...(description !== undefined && { error_description: description }) };
}

function scopesOf(request: URLSearchParams): string[] {
  return (request.get('scope') ?? '').split(/[ ,]/).filter((scope) => scope !== '');
}

function send(response: ServerResponse, status: number, html: string): void {
  response.writeHead(status, {
    'content-type': 'text/html; charset=utf-8',
    'cache-control': 'no-store',
    'referrer-policy': 'no-referrer',
  });
  response.end(html);
}
