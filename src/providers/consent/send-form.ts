/** The `fetch` of oauth4webapi for requests without tokens in the response: pushed requests and revocations. */
import type { Transport } from '../exchange/transport';

/** Deadline, in ms, from name resolution to the last byte. A person waits for these requests. */
export const HTTP_DEADLINE_MS = 10_000;

export function sendForm(
  transport: Transport,
): (
  url: string,
  options: { headers: Record<string, string>; body: URLSearchParams },
) => Promise<Response> {
  return async (url, { headers, body }) => {
    const answer = await transport.send({
      url,
      headers,
      body: body.toString(),
      deadlineMs: HTTP_DEADLINE_MS,
    });
    const isBodyless = answer.status === 204 || answer.status === 304;
    // Challenge headers are dropped, because the library would ignore the error in the body.
    return new Response(isBodyless ? null : answer.body, {
      status: answer.status,
      headers: { 'content-type': 'application/json' },
    });
  };
}
