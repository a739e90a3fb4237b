/**
 * The typed client of the API. Paths, parameters, bodies and responses have the types of the routes. The package
 * exports it as `evergrant/client`, and the CLI uses it.
 */
import { hc, type PickResponseByStatusCode } from 'hono/client';
import type { SuccessStatusCode } from 'hono/utils/http-status';
import type { ApiRoutes } from '../api/app';

export interface ClientSettings {
  /** URL of the API: `https://evergrant.example.com`. It may contain a path. */
  url: string | URL;
  /** An API key or a JWT. */
  apiKey: string;
  /** Replaces the global `fetch`. */
  fetch?: typeof fetch;
}

/** A failed request: the API refused it, or another server answered. */
export class EvergrantError extends Error {
  override name = 'EvergrantError';
  readonly status: number;
  /** The API's error code, such as `not_found`. `null`: another server answered. */
  readonly code: string | null;
  /** Identifies the request in the API's log. */
  readonly requestId: string | null;

  constructor(status: number, refusal: Refusal | null) {
    super(
      refusal?.message ??
        `The response does not come from Evergrant (HTTP ${status}). Check the URL.`,
    );
    this.status = status;
    this.code = refusal?.code ?? null;
    this.requestId = refusal?.request_id ?? null;
  }
}

interface Refusal {
  code: string;
  message: string;
  request_id: string;
}

/**
 * Creates a client. `createClient({ url, apiKey }).api.admin.accounts[':id'].$get({ param: { id } })` sends a request,
 * and `json()` of the response reads the body.
 * @throws {EvergrantError} from every request without a successful response
 */
export function createClient({ url, apiKey, fetch: send = fetch }: ClientSettings) {
  const client = hc<PickResponseByStatusCode<ApiRoutes, SuccessStatusCode>>(String(url), {
    headers: { authorization: `Bearer ${apiKey}` },
    async fetch(input: string | URL | Request, init?: RequestInit) {
      // Redirects are not followed, so that the key is sent only to the configured URL.
      const response = await send(input, { ...init, redirect: 'manual' });
      if (response.ok && isExpected(response)) return response;
      throw new EvergrantError(response.status, refusalIn(await response.text()));
    },
  });
  return withEncodedParameters(client);
}

export type Client = ReturnType<typeof createClient>;

function isExpected({ status, headers }: Response): boolean {
  const type = headers.get('content-type') ?? '';
  return status === 204 || /^(application\/json|text\/event-stream)\b/.test(type);
}

/** Reads the API's error from a body, or returns `null` if the body is not in its format. */
function refusalIn(text: string): Refusal | null {
  try {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    const { error } = JSON.parse(text) as { error?: Refusal };
    return typeof error?.message === 'string' ? error : null;
  } catch {
    return null;
  }
}

interface Arguments {
  param?: Record<string, string>;
}

/** hc does not encode parameters: `sweep/ebay` would become two path segments, and an empty parameter none. */
function withEncodedParameters<T extends object>(client: T): T {
  return new Proxy(client, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name);
      return typeof member === 'function' ? withEncodedParameters(member) : member;
    },
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    apply(target, self, [given, ...rest]: [Arguments?, ...unknown[]]) {
      const param = given?.param;
      const encoded = param === undefined ? given : { ...given, param: encodedParameters(param) };
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion
      return Reflect.apply(target as () => unknown, self, [encoded, ...rest]);
    },
  });
}

function encodedParameters(param: Record<string, string>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(param).map(([name, value]) => {
      // These values would change the path of the request.
      if (/^\.{0,2}$/.test(value)) throw new TypeError(`${name}: "${value}" is not a valid id`);
      return [name, encodeURIComponent(value)];
    }),
  );
}
