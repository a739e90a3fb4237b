/** Acts as the person and the browser of a consent at the sandbox, by plain requests. */
import type { Send } from '../api/_api';

export interface Started {
  /** The browser's cookie. */
  cookie: string;
  authorization: URL;
}

const FORM = {
  'content-type': 'application/x-www-form-urlencoded',
  'sec-fetch-site': 'same-origin',
};

/** Sends a request to the API: path, method, headers, and the form if it is a POST. */
export type Browser = (
  path: string,
  init: { method: string; headers: Record<string, string>; body?: string },
) => Response | Promise<Response>;

/** @param send sends a request to the API; read at each request, because a test may replace it */
export function browserOf(send: () => Send): Browser {
  return async (path, { method, headers, body }) => {
    const answer = await send()(method, path, {
      key: null,
      headers,
      ...(body !== undefined && { text: body }),
    });
    const empty = answer.text === '' || answer.status === 303;
    return new Response(empty ? null : answer.text, answer);
  };
}

/** Presses the button of the consent page. */
export async function startAt(browser: Browser, link: string): Promise<Started> {
  const path = new URL(link).pathname;
  const answer = await browser(path, { method: 'POST', headers: FORM, body: '' });
  if (answer.status !== 303) throw new Error(`not started: ${answer.status}`);
  const [cookie = ''] = (answer.headers.get('set-cookie') ?? '').split(';');
  return { cookie, authorization: new URL(answer.headers.get('location') ?? '') };
}

/** Decides at the sandbox's consent page. @returns the path of the callback, with its parameters */
export async function decide(
  { authorization }: Started,
  subject: string,
  decision: 'approve' | 'decline' = 'approve',
): Promise<string> {
  const form = new URLSearchParams(authorization.searchParams);
  for (const scope of (authorization.searchParams.get('scope') ?? '').split(/[ ,]/))
    form.append('granted', scope);
  form.set('decision', decision);
  form.set('subject', subject);
  const decided = await fetch(new URL(authorization.pathname, authorization), {
    method: 'POST',
    body: form,
    redirect: 'manual',
  });
  const callback = new URL(decided.headers.get('location') ?? '');
  return `${callback.pathname}${callback.search}`;
}

/** Returns to the callback and opens the result. */
export async function returnTo(
  browser: Browser,
  callback: string,
  cookie: string,
): Promise<{ status: number; text: string }> {
  const open = (path: string) => browser(path, { method: 'GET', headers: { cookie } });
  const redirected = await open(callback);
  const location = redirected.headers.get('location');
  const answer = location === null ? redirected : await open(location);
  return { status: answer.status, text: await answer.text() };
}
