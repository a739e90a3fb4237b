/** Responses scripted by a test or the fault lab, and their queue. */
import type { Dialect, WireAnswer } from './dialect';

/** A body, or a function of the provider's own response body, which is `undefined` if nothing was committed. */
type ScriptedBody = string | ((granted: Record<string, unknown> | undefined) => string);

/** `commit` mints and stores a grant before the scripted response. Only a valid request is committed. */
export type ScriptedAnswer =
  /** The true response, delayed. A delay before the commit delays the decision, one after it only the response. */
  | {
      kind: 'normal';
      delayMs: number;
      delayAt?: 'before_commit' | 'after_commit';
      /** Ends the delay early, so that a fault lab can hold the response until its fault has happened. */
      until?: Promise<unknown>;
    }
  | {
      kind: 'respond';
      status: number;
      body: ScriptedBody;
      headers?: Readonly<Record<string, string>>;
      commit?: boolean;
      delayMs?: number;
    }
  /** The connection is reset before any byte of the response. */
  | { kind: 'drop'; at: 'before_commit' | 'after_commit' }
  /** No response until the client gives up or the sandbox stops. */
  | { kind: 'hang'; commit?: boolean }
  /** A load balancer's 503 in HTML. */
  | { kind: 'unavailable'; retryAfter?: string; commit?: boolean }
  /** 429. `retryAfter` is sent as given: seconds, a date, or an invalid value. */
  | { kind: 'rate_limited'; retryAfter?: string }
  /** A 200 with an unexpected body. Commits by default. */
  | { kind: 'odd_success'; body: ScriptedBody; contentType?: string; commit?: boolean };

type ScriptedRequest = 'token' | 'validation' | 'revocation';

export interface ScriptRule {
  /** Kind of request; default: `token`. */
  readonly request?: ScriptedRequest;
  /** Subject of the requests. Absent: any. */
  readonly subject?: string;
  /** Number of requests that the rule answers. Default: 1; may be `Infinity`. */
  readonly times?: number;
  readonly answer: ScriptedAnswer;
}

/** Rules in the order in which they were added. The first matching rule answers a request. */
export class Script {
  readonly #rules: { rule: ScriptRule; left: number }[] = [];

  /** @returns a function that removes the rule */
  add(rule: ScriptRule): () => void {
    const pending = { rule, left: rule.times ?? 1 };
    this.#rules.push(pending);
    return () => {
      pending.left = 0;
    };
  }

  take(
    subject: string | undefined,
    request: ScriptedRequest = 'token',
  ): ScriptedAnswer | undefined {
    const index = this.#rules.findIndex(
      ({ rule, left }) =>
        left > 0 &&
        (rule.request ?? 'token') === request &&
        (rule.subject === undefined || rule.subject === subject),
    );
    const pending = this.#rules[index];
    if (!pending) return undefined;
    pending.left -= 1;
    if (pending.left <= 0) this.#rules.splice(index, 1);
    return pending.rule.answer;
  }
}

const UNAVAILABLE_PAGE =
  '<html><head><title>503 Service Unavailable</title></head>' +
  '<body><h1>Service Unavailable</h1><p>No server is available to handle this request.</p></body></html>';

export function committing(scripted: ScriptedAnswer | undefined): boolean {
  if (scripted === undefined || scripted.kind === 'normal') return true;
  if (scripted.kind === 'drop') return scripted.at === 'after_commit';
  if (scripted.kind === 'rate_limited') return false;
  return scripted.commit ?? scripted.kind === 'odd_success';
}

export function delayBeforeCommitMs(scripted: ScriptedAnswer | undefined): number {
  return scripted?.kind === 'normal' && scripted.delayAt === 'before_commit' ? scripted.delayMs : 0;
}

export function delayAfterCommitMs(scripted: ScriptedAnswer | undefined): number {
  if (scripted?.kind === 'respond') return scripted.delayMs ?? 0;
  return scripted?.kind === 'normal' && scripted.delayAt !== 'before_commit' ? scripted.delayMs : 0;
}

/** Returns the scripted response. `granted` is the true response if a grant was committed. */
export function wireAnswer(
  scripted: Exclude<ScriptedAnswer, { kind: 'normal' | 'drop' | 'hang' }>,
  dialect: Dialect,
  granted: WireAnswer | undefined,
): WireAnswer {
  if (scripted.kind === 'rate_limited') {
    const { status, headers, body } = dialect.throttled();
    return { status, headers: { ...headers, ...retryAfter(scripted) }, body };
  }
  if (scripted.kind === 'unavailable') {
    const headers = { 'content-type': 'text/html', ...retryAfter(scripted) };
    return { status: 503, headers, body: UNAVAILABLE_PAGE };
  }
  const body = text(scripted.body, granted);
  if (scripted.kind === 'odd_success') {
    const contentType = scripted.contentType ?? 'application/json';
    return { status: 200, headers: { 'content-type': contentType }, body };
  }
  const headers = { 'content-type': 'application/json', ...lowerCased(scripted.headers ?? {}) };
  return { status: scripted.status, headers, body };
}

function text(body: ScriptedBody, granted: WireAnswer | undefined): string {
  return typeof body === 'string' ? body : body(granted && JSON.parse(granted.body));
}

function retryAfter(scripted: { retryAfter?: string }): Record<string, string> {
  return scripted.retryAfter === undefined ? {} : { 'retry-after': scripted.retryAfter };
}

/** Lower-case names let a scripted header replace a common one instead of duplicating it. */
function lowerCased(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]),
  );
}
