/** Sends requests to the API and converts its failures into messages for the user of the CLI. */
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { pipeline, type Readable } from 'node:stream';
import { type Client, createClient, EvergrantError } from '../client';
import { unreachableText } from '../domain/text/messages';
import { byteLines } from '../domain/text/text-lines';
import { CommandFailed, Unreachable, UsageError } from './errors';
import { parseEvents, type ServerSentEvent } from './event-stream';
import type { Settings } from './settings';

/** Timeout of a request in ms. It must be longer than the API's own limit for a refresh. */
const REQUEST_TIMEOUT_MS = 90_000;
/** Longest silence of a stream, in ms, before it counts as broken. The API sends at least a comment every 15 s. */
const SILENCE_MAX_MS = 60_000;

export interface ApiClient {
  /**
   * Returns the API's response to a request.
   * @throws {CommandFailed | UsageError} with a message for the user
   */
  ask<T>(request: (api: Client['api']) => Promise<Answer<T>>): Promise<T>;
  /** Streams a body of any size, and yields the JSON lines of the response as they arrive. */
  upload<T>(path: string, upload: Upload): AsyncIterable<T>;
  /**
   * Yields the events of a stream, after `lastEventId` if given, until the API ends it.
   * @throws {Unreachable} if the API cannot be reached or the connection breaks
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
  /** Source of the body, for the message if reading fails. */
  name: string;
}

type Query = Record<string, string | readonly string[] | number | undefined>;

interface ErrorBody {
  error: { code: string; message: string; request_id: string };
}

/** CLI and API have the same version, so responses are not validated against the types of the API's routes. */
export function createApiClient({
  url,
  apiKey,
  urlSource = 'EVERGRANT_URL',
  keySource = 'EVERGRANT_API_KEY',
}: Settings): ApiClient {
  const client = createClient({
    url,
    apiKey,
    fetch: (input, init) =>
      fetch(input, { ...init, signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS) }),
  });

  async function ask<T>(request: (api: Client['api']) => Promise<Answer<T>>): Promise<T> {
    try {
      const response = await request(client.api);
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion
      return response.status === 204 ? (undefined as T) : await response.json();
    } catch (error) {
      if (!(error instanceof EvergrantError)) throw unreachable(error);
      const { status, code, message, requestId } = error;
      throw code === null ? notEvergrant(status) : apiFailure(code, message, requestId, keySource);
    }
  }

  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters
  async function* upload<T>(path: string, { query = {}, ...content }: Upload): AsyncIterable<T> {
    const response = await uploading(addressOf(withQuery(path, query)), apiKey, content).catch(
      (error: unknown) => {
        throw isForUser(error) ? error : unreachable(error);
      },
    );
    try {
      for await (const { bytes } of byteLines(response, Number.POSITIVE_INFINITY)) {
        const answer = parsed(bytes?.toString('utf8') ?? '');
        if (response.statusCode !== 200 || answer === undefined)
          throw failureOf(response.statusCode ?? 0, answer);
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion
        yield answer as T;
      }
    } catch (error) {
      throw isForUser(error) ? error : unreachable(error);
    }
  }

  async function* events(
    path: string,
    query: Query,
    lastEventId: string,
  ): AsyncGenerator<ServerSentEvent> {
    const silent = new AbortController();
    const timer = setTimeout(() => silent.abort(), SILENCE_MAX_MS);
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
        throw failureOf(response.status, parsed(await response.text()));
      yield* parseEvents(response.body, () => timer.refresh());
    } catch (error) {
      throw isForUser(error) ? error : unreachable(error);
    } finally {
      clearTimeout(timer);
      silent.abort();
    }
  }

  const addressOf = (path: string) => new URL(`${url.pathname.replace(/\/$/, '')}${path}`, url);
  const unreachable = (error: unknown) =>
    new Unreachable(unreachableText('The API', `${url.origin} (${reasonOf(error)})`, urlSource));
  const notEvergrant = (status: number) =>
    new CommandFailed(
      `${url.origin} returned HTTP ${status} with a body that is not from Evergrant. Check ${urlSource}, and any proxy in front of the API.`,
    );
  const failureOf = (status: number, answer: unknown) =>
    isErrorBody(answer)
      ? apiFailure(answer.error.code, answer.error.message, answer.error.request_id, keySource)
      : notEvergrant(status);

  return { ask, upload, events };
}

function withQuery(path: string, query: Query): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query))
    for (const one of [value ?? []].flat()) search.append(name, String(one));
  return search.size === 0 ? path : `${path}?${search.toString()}`;
}

/**
 * Starts to send, and resolves with the response once its headers arrive. The API responds line by line, and reads
 * more of the body only as its responses are read. `fetch` sends the whole body before it returns the response.
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
    request.once('finish', () => request.setTimeout(REQUEST_TIMEOUT_MS, () => request.destroy()));
    // Rejects with the read error first, because the request would only report that it was aborted.
    body.once('error', (error: NodeJS.ErrnoException) =>
      reject(new CommandFailed(`${name} cannot be read (${error.code ?? error.message}).`)),
    );
    // After `resolve`, this rejection has no effect.
    pipeline(body, request, (error) => error && reject(error));
  });
}

function isForUser(error: unknown): boolean {
  return error instanceof CommandFailed || error instanceof UsageError;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isErrorBody(answer: unknown): answer is ErrorBody {
  return (
    typeof answer === 'object' &&
    answer !== null &&
    'error' in answer &&
    typeof answer.error === 'object' &&
    answer.error !== null &&
    'message' in answer.error
  );
}

function apiFailure(
  code: string,
  message: string,
  requestId: string | null,
  keySource: string,
): CommandFailed | UsageError {
  // A value that the API rejects is a usage error, like one that the CLI detects.
  if (code === 'invalid_request') return new UsageError(message);
  const hint = code === 'unauthenticated' ? ` Check ${keySource}.` : '';
  const where = code === 'internal_error' ? ` (request ${requestId})` : '';
  return new CommandFailed(`${message}${hint}${where}`, code);
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  if (error.name === 'TimeoutError') return `no response within ${REQUEST_TIMEOUT_MS / 1000} s`;
  const { cause } = error;
  if (cause instanceof AggregateError) return reasonOf(cause.errors[0]);
  if (cause instanceof Error) return reasonOf(cause);
  return 'code' in error && typeof error.code === 'string' ? error.code : error.message;
}
