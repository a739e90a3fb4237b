/** Requests to the API, and what their failures mean to whoever typed the command. */
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { pipeline, type Readable } from 'node:stream';
import { textLines } from '../api/text-lines';
import { type Client, createClient, EvergrantError } from '../client';
import { CommandFailed, Unreachable } from './errors';
import { parseEvents, type ServerSentEvent } from './event-stream';
import type { Settings } from './settings';

/** Longer than the API lets a refresh take. */
const ANSWERS_WITHIN_MS = 90_000;
/** Of a stream that says something every 15 s. */
const SILENT_MAX_MS = 60_000;

export interface ApiClient {
  /**
   * What the API answers to a request.
   * @throws {CommandFailed} with what is to be said to whoever typed the command
   */
  ask<T>(request: (api: Client['api']) => Promise<Answer<T>>): Promise<T>;
  /** Streams a body of any size, and the lines of the answer (JSON each) as they come. */
  upload<T>(path: string, upload: Upload): AsyncIterable<T>;
  /**
   * The events of a stream, after `lastEventId` where one is given, until the API ends it.
   * @throws {Unreachable} where it cannot be reached, or goes away
   */
  events(path: string, query: Query, lastEventId: string): AsyncGenerator<ServerSentEvent>;
}

interface Answer<T> {
  status: number;
  json(): Promise<T>;
}

interface Upload {
  query?: Query;
  type: string;
  body: Readable;
  /** What the body is read from, for the message when that fails. */
  name: string;
}

type Query = Record<string, string | number | undefined>;

interface Refusal {
  error: { code: string; message: string; request_id: string };
}

/** The types are those of the API's own routes: both are of one version, and what comes is not checked again. */
export function createApiClient({ url, apiKey }: Settings): ApiClient {
  const client = createClient({
    url,
    apiKey,
    fetch: (input, init) =>
      fetch(input, { ...init, signal: AbortSignal.timeout(ANSWERS_WITHIN_MS) }),
  });

  async function ask<T>(request: (api: Client['api']) => Promise<Answer<T>>): Promise<T> {
    try {
      const response = await request(client.api);
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion
      return response.status === 204 ? (undefined as T) : await response.json();
    } catch (error) {
      if (!(error instanceof EvergrantError)) throw unreachable(error);
      const { status, code, message, requestId } = error;
      throw code === null ? notOurs(status) : refused(code, message, requestId);
    }
  }

  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters
  async function* upload<T>(path: string, { query = {}, ...what }: Upload): AsyncIterable<T> {
    const response = await uploading(addressOf(withQuery(path, query)), apiKey, what).catch(
      (error: unknown) => {
        throw error instanceof CommandFailed ? error : unreachable(error);
      },
    );
    try {
      for await (const { text } of textLines(response, Number.POSITIVE_INFINITY)) {
        const answer = parsed(text ?? '');
        if (response.statusCode !== 200 || answer === undefined)
          throw notAnswered(response.statusCode ?? 0, answer);
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion
        yield answer as T;
      }
    } catch (error) {
      throw error instanceof CommandFailed ? error : unreachable(error);
    }
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
      if (!response.ok || response.body === null)
        throw notAnswered(response.status, parsed(await response.text()));
      yield* parseEvents(response.body, () => timer.refresh());
    } catch (error) {
      throw error instanceof CommandFailed ? error : unreachable(error);
    } finally {
      clearTimeout(timer);
      silent.abort();
    }
  }

  const addressOf = (path: string) => new URL(`${url.pathname.replace(/\/$/, '')}${path}`, url);
  const unreachable = (error: unknown) =>
    new Unreachable(
      `The API is unreachable at ${url.origin} (${reasonOf(error)}). Is it running? Where it is elsewhere, set EVERGRANT_URL.`,
    );
  const notOurs = (status: number) =>
    new CommandFailed(
      `${url.origin} answers, but not as Evergrant does (HTTP ${status}). Is EVERGRANT_URL right?`,
    );
  const notAnswered = (status: number, answer: unknown) =>
    isRefusal(answer)
      ? refused(answer.error.code, answer.error.message, answer.error.request_id)
      : notOurs(status);

  return { ask, upload, events };
}

function withQuery(path: string, query: Query): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query))
    if (value !== undefined) search.set(name, String(value));
  return search.size === 0 ? path : `${path}?${search.toString()}`;
}

/**
 * Begins to send, and answers with the response as soon as its head is there: the API answers line by line, and reads
 * on only as far as its answers are read. Not `fetch`, which is to send all before it lets anything be read.
 */
function uploading(
  address: URL,
  apiKey: string,
  { body, type, name }: Omit<Upload, 'query'>,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const begin = address.protocol === 'https:' ? httpsRequest : httpRequest;
    const request = begin(address, {
      method: 'POST',
      headers: { authorization: `Bearer ${apiKey}`, 'content-type': type },
    });
    request.once('response', resolve);
    request.once('finish', () => request.setTimeout(ANSWERS_WITHIN_MS, () => request.destroy()));
    // Before the request hears of it: what it would say is that it was aborted.
    body.once('error', (error: NodeJS.ErrnoException) =>
      reject(new CommandFailed(`${name} cannot be read (${error.code ?? error.message}).`)),
    );
    // An answer that came before all was sent is the answer, whatever becomes of the rest.
    pipeline(body, request, (error) => error && reject(error));
  });
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

function refused(code: string, message: string, requestId: string | null): CommandFailed {
  const hint = code === 'unauthenticated' ? ' The key is taken from EVERGRANT_API_KEY.' : '';
  const where = code === 'internal_error' ? ` (request ${requestId})` : '';
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
