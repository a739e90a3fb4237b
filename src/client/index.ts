/**
 * The typed client of the API: its paths, parameters, bodies and answers are those of the routes themselves. The package
 * exports it as `evergrant/client`; the command line works with it, too.
 */
import { hc, type PickResponseByStatusCode } from 'hono/client';
import type { SuccessStatusCode } from 'hono/utils/http-status';
import type { ApiRoutes } from '../api/app';

export interface ClientSettings {
  /** Where the API is: `https://evergrant.example.com`. A path in it is kept. */
  url: string | URL;
  /** An API key or a JWT. */
  apiKey: string;
  /** In place of the global one. */
  fetch?: typeof fetch;
}

/** A request that was answered otherwise than asked: refused, failed, or by somebody else than Evergrant. */
export class EvergrantError extends Error {
  override name = 'EvergrantError';
  /** Of HTTP. */
  readonly status: number;
  /** The API's word for it, such as `not_found`; `null` where it was not Evergrant that answered. */
  readonly code: string | null;
  /** What the API's log has it under. */
  readonly requestId: string | null;

  constructor(status: number, refusal: Refusal | null) {
    super(refusal?.message ?? `The answer is not one of Evergrant (HTTP ${status}).`);
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
 * `createClient({ url, apiKey }).api.admin.accounts[':id'].$get({ param: { id } })` is a request; the method `json` of
 * its answer reads the body.
 * @throws {EvergrantError} from each request that is not answered with what was asked for
 */
export function createClient({ url, apiKey, fetch: send = fetch }: ClientSettings) {
  const client = hc<PickResponseByStatusCode<ApiRoutes, SuccessStatusCode>>(String(url), {
    headers: { authorization: `Bearer ${apiKey}` },
    async fetch(input: string | URL | Request, init?: RequestInit) {
      // The key goes to the address that was named, and nowhere else.
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

/** What the API says of a failure, or `null` if that is not its way of saying it. */
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

/** hc writes a parameter into the path as it is: `sweep/ebay` would be two places in it, and an empty one none. */
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
      // Neither is a place in a path: each would be the request of another path.
      if (/^\.{0,2}$/.test(value)) throw new TypeError(`${name}: "${value}" names nothing`);
      return [name, encodeURIComponent(value)];
    }),
  );
}
