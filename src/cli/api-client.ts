/** Requests to the API, and what their failures mean to whoever typed the command. */
import { CommandFailed, Unreachable } from './errors';
import type { Settings } from './settings';

/** Longer than the API lets a refresh take. */
const ANSWERS_WITHIN_MS = 90_000;

export interface ApiClient {
  get<T>(path: string, query?: Query): Promise<T>;
  post<T>(path: string, body?: unknown): Promise<T>;
  patch<T>(path: string, body: unknown): Promise<T>;
  delete(path: string): Promise<void>;
}

type Query = Record<string, string | number | undefined>;

interface Refusal {
  error: { code: string; message: string; request_id: string };
}

/** The types are those of the API's own schemas: both are of one version, and what comes is not checked again. */
export function createApiClient({ url, apiKey }: Settings): ApiClient {
  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters
  async function send<T>(method: string, path: string, body?: unknown): Promise<T> {
    let response: Response;
    let text: string;
    try {
      response = await fetch(new URL(`${url.pathname.replace(/\/$/, '')}${path}`, url), {
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
      throw new Unreachable(
        `The API is unreachable at ${url.origin} (${reasonOf(error)}). Is it running? Where it is elsewhere, set EVERGRANT_URL.`,
      );
    }
    const answer = response.status === 204 ? null : parsed(text);
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    if (response.ok && answer !== undefined) return answer as T;
    if (isRefusal(answer)) throw refused(answer.error);
    throw new CommandFailed(
      `${url.origin} answers, but not as Evergrant does (HTTP ${response.status}). Is EVERGRANT_URL right?`,
    );
  }

  return {
    get: (path, query = {}) => {
      const search = new URLSearchParams();
      for (const [name, value] of Object.entries(query))
        if (value !== undefined) search.set(name, String(value));
      return send('GET', search.size === 0 ? path : `${path}?${search.toString()}`);
    },
    post: (path, body = {}) => send('POST', path, body),
    patch: (path, body) => send('PATCH', path, body),
    delete: async (path) => {
      await send('DELETE', path);
    },
  };
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
