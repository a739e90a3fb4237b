/** A signed-in person without a browser, who opens pages and sends their forms. */
import { randomUUID } from 'node:crypto';
import type { Scope } from '../../src/domain/access/principal';
import type { Harness } from '../support/harness';

interface Page {
  status: number;
  text: string;
  /** The address to which the response leads. */
  to: string | null;
}

type Fields = Record<string, string | readonly string[] | File>;

export interface Visitor {
  organisation: string;
  get(path: string): Promise<Page>;
  post(path: string, fields?: Fields): Promise<Page>;
  /** Sends a form and opens the page to which the response leads. */
  act(path: string, fields?: Fields): Promise<Page>;
}

export async function visit(
  h: Pick<Harness, 'app' | 'key'>,
  scopes: Scope[] = ['admin'],
  organisation = `org-${randomUUID()}`,
): Promise<Visitor> {
  const cookies = new Map<string, string>();
  const send = async (path: string, init: RequestInit = {}): Promise<Page> => {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const headers = { cookie, 'sec-fetch-site': 'same-origin' };
    const answer = await h.app.request(path, { ...init, headers });
    for (const set of answer.headers.getSetCookie()) {
      const [name = '', value = ''] = set.split(';', 1)[0]?.split(/=(.*)/s) ?? [];
      if (value === '') cookies.delete(name);
      else cookies.set(name, value);
    }
    return {
      status: answer.status,
      text: await answer.text(),
      to: answer.headers.get('location'),
    };
  };
  const visitor: Visitor = {
    organisation,
    get: (path) => send(path),
    post: (path, fields = {}) => send(path, { method: 'POST', body: formOf(fields) }),
    async act(path, fields) {
      const { to, ...page } = await visitor.post(path, fields);
      if (to === null) throw new Error(`${path} leads nowhere: ${page.status} ${page.text}`);
      return visitor.get(to);
    },
  };
  await visitor.post('/sign-in', { key: await h.key({ organisation, scopes }) });
  return visitor;
}

function formOf(fields: Fields): FormData {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields))
    for (const one of [value].flat()) form.append(name, one);
  return form;
}
