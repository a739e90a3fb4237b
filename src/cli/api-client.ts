/** Requests to the API, and what their failures mean to whoever typed the command. */
import { CommandFailed, Unreachable } from './errors';
import { parseEvents, type ServerSentEvent } from './event-stream';
import type { Settings } from './settings';

/** Longer than the API lets a refresh take. */
const ANSWERS_WITHIN_MS = 90_000;
/** Of a stream that says something every 15 s. */
const SILENT_MAX_MS = 60_000;

export interface ApiClient {
  get<T>(path: string, query?: Query): Promise<T>;
  post<T>(path: string, body?: unknown): Promise<T>;
  patch<T>(path: string, body: unknown): Promise<T>;
  delete(path: string): Promise<void>;
  /**
   * The events of a stream, after `lastEventId` where one is given, until the API ends it.
   * @throws {Unreachable} where it cannot be reached, or goes away
   */
  events(path: string, query: Query, lastEventId: string): AsyncGenerator<ServerSentEvent>;
}

type Query = Record<string, string | number | undefined>;

interface Refusal {
  error: { code: string; message: string; request_id: string };
}

/** The types are those of the API's own schemas: both are of one version, and what comes is not checked again. */
export function createApiClient({ url, apiKey }: Settings): ApiClient {
  const addressOf = (path: string) => new URL(`${url.pathname.replace(/\/$/, '')}${path}`, url);
  const unreachable = (reason: string) =>
    new Unreachable(
      `The API is unreachable at ${url.origin} (${reason}). Is it running? Where it is elsewhere, set EVERGRANT_URL.`,
    );

  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters
  async function send<T>(method: string, path: string, body?: unknown): Promise<T> {
    let response: Response;
    let text: string;
    try {
      response = await fetch(addressOf(path), {
        method,
        headers: {
          authorization: `Bearer ${apiKey}`,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        // The key goes to the address that was named, and nowhere else.
        redirect: 'manual',
        signal: AbortSignal.timeout(ANSWERS_WITHIN_MS),
      });
      text = await response.text();
    } catch (error) {
      throw unreachable(reasonOf(error));
    }
    return read<T>(response, text);
  }

  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters
  function read<T>(response: Response, text: string): T {
    const answer = response.status === 204 ? null : parsed(text);
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    if (response.ok && answer !== undefined) return answer as T;
    if (isRefusal(answer)) throw refused(answer.error);
    throw new CommandFailed(
      `${url.origin} answers, but not as Evergrant does (HTTP ${response.status}). Is EVERGRANT_URL right?`,
    );
  }

  async function* events(
    path: string,
    query: Query,
    lastEventId: string,
  ): AsyncGenerator<ServerSentEvent> {
    const silent = new AbortController();
    const timer = setTimeout(() => silent.abort(), SILENT_MAX_MS);
    try {
      const response = await fetch(addressOf(withQuery(path, query)), {
        headers: {
          authorization: `Bearer ${apiKey}`,
          ...(lastEventId === '' ? {} : { 'last-event-id': lastEventId }),
        },
        redirect: 'manual',
        signal: silent.signal,
      });
      if (!response.ok || response.body === null) return read(response, await response.text());
      yield* parseEvents(response.body, () => timer.refresh());
    } catch (error) {
      throw error instanceof CommandFailed ? error : unreachable(reasonOf(error));
    } finally {
      clearTimeout(timer);
      silent.abort();
    }
  }

  return {
    get: (path, query = {}) => send('GET', withQuery(path, query)),
    events,
    post: (path, body = {}) => send('POST', path, body),
    patch: (path, body) => send('PATCH', path, body),
    delete: async (path) => {
      await send('DELETE', path);
    },
  };
}

function withQuery(path: string, query: Query): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query))
    if (value !== undefined) search.set(name, String(value));
  return search.size === 0 ? path : `${path}?${search.toString()}`;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isRefusal(answer: unknown): answer is Refusal {
  return (
    typeof answer === 'object' &&
    answer !== null &&
    'error' in answer &&
    typeof answer.error === 'object' &&
    answer.error !== null &&
    'message' in answer.error
  );
}

function refused({ code, message, request_id }: Refusal['error']): CommandFailed {
  const hint = code === 'unauthenticated' ? ' The key is taken from EVERGRANT_API_KEY.' : '';
  const where = code === 'internal_error' ? ` (request ${request_id})` : '';
  return new CommandFailed(`${message}${hint}${where}`);
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  if (error.name === 'TimeoutError') return `no answer within ${ANSWERS_WITHIN_MS / 1000} s`;
  const { cause } = error;
  if (cause instanceof AggregateError) return reasonOf(cause.errors[0]);
  if (cause instanceof Error) return reasonOf(cause);
  return 'code' in error && typeof error.code === 'string' ? error.code : error.message;
}
