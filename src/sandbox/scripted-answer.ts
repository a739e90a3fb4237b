/** Answers that a test or a fault lab puts in the provider's mouth, and the queue they wait in. */
import type { Dialect, WireAnswer } from './dialect';

/** A body, or a function of the provider's own answer: its parsed body, absent if nothing was committed. */
type ScriptedBody = string | ((granted: Record<string, unknown> | undefined) => string);

/**
 * `commit` mints and stores a grant before the scripted answer, as far as the request deserves one;
 * what the request does not deserve is never committed.
 */
export type ScriptedAnswer =
  /** The true answer, late. Before the commit the client waits for a decision, after it for the news of one. */
  | {
      kind: 'normal';
      delayMs: number;
      delayAt?: 'before_commit' | 'after_commit';
      /** Ends the delay earlier: a fault lab holds the answer back until it has done its mischief. */
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
  /** The connection is reset without a byte of an answer. */
  | { kind: 'drop'; at: 'before_commit' | 'after_commit' }
  /** No answer until the client gives up or the sandbox stops. */
  | { kind: 'hang'; commit?: boolean }
  /** A load balancer's 503: HTML. */
  | { kind: 'unavailable'; retryAfter?: string; commit?: boolean }
  /** 429; `retryAfter` is sent as written: seconds, a date, or nonsense. */
  | { kind: 'rate_limited'; retryAfter?: string }
  /** A 200 that is not what it should be; commits unless told not to. */
  | { kind: 'odd_success'; body: ScriptedBody; contentType?: string; commit?: boolean };

export interface ScriptRule {
  /** Which requests: for a token, the default, or whether one works. */
  readonly request?: 'token' | 'validation';
  /** Whose requests; absent: anybody's. */
  readonly subject?: string;
  /** How many requests it answers; default 1, may be `Infinity`. */
  readonly times?: number;
  readonly answer: ScriptedAnswer;
}

/** Rules in the order they were given; the first that fits a request answers it. */
export class Script {
  readonly #rules: { rule: ScriptRule; left: number }[] = [];

  /** @returns a function that takes back what is left of the rule */
  add(rule: ScriptRule): () => void {
    const pending = { rule, left: rule.times ?? 1 };
    this.#rules.push(pending);
    return () => {
      pending.left = 0;
    };
  }

  take(
    subject: string | undefined,
    request: 'token' | 'validation' = 'token',
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

/** Whether a request that deserves a grant gets one committed under this script. */
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

/** The answer to send in place of `granted`, which is the true one if a grant was committed. */
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

/** So that a scripted header replaces a common one instead of standing beside it. */
function lowerCased(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]),
  );
}
