/** Builds and judges revocation requests that differ from RFC 7009; `revocation.ts` sends them. */
import type { RevocationResult } from '../../domain/connect/disconnection';
import { parseObject } from '../exchange/answer-members';
import type { TransportRequest, TransportResponse } from '../exchange/transport';
import type { RevocationForm } from './consent';

export interface RevocationCall {
  /** @returns `null` if the provider does not revoke tokens of this kind */
  request(
    url: string,
    token: string,
    kind: 'refresh_token' | 'access_token',
  ): Omit<TransportRequest, 'deadlineMs'> | null;
  judge(answer: Pick<TransportResponse, 'status' | 'body'>): RevocationResult;
}

const CONTENT_TYPES: Readonly<Partial<Record<RevocationForm['body'], string>>> = {
  form: 'application/x-www-form-urlencoded',
  json: 'application/json',
};

export function revocationCall(
  form: RevocationForm,
  { clientId, clientSecret }: { clientId: string; clientSecret: string },
): RevocationCall {
  return {
    request(url, token, kind) {
      if (form.token !== 'any' && form.token !== kind) return null;
      const basic = Buffer.from(`${clientId}:${clientSecret}`).toString('base64');
      const fill = filling({ token, clientId, clientSecret, basic });
      // A public client has no secret, so its parameter is left out.
      const stated = Object.entries(fill(form.parameters)).filter(([, value]) => value !== '');
      const parameters = new URLSearchParams(stated);
      const address = new URL(url.replace('{clientId}', () => encodeURIComponent(clientId)));
      if (form.body === 'query')
        for (const [name, value] of parameters) address.searchParams.set(name, value);
      const contentType = CONTENT_TYPES[form.body];
      return {
        url: address.href,
        method: form.method,
        headers: {
          accept: 'application/json',
          'user-agent': 'Evergrant',
          ...(contentType === undefined ? {} : { 'content-type': contentType }),
          ...fill(form.headers),
        },
        ...(form.body === 'form' ? { body: parameters.toString() } : {}),
        ...(form.body === 'json' ? { body: JSON.stringify(Object.fromEntries(parameters)) } : {}),
      };
    },
    judge: ({ status, body }) => form.judge(status, parseObject(body)) ?? byStatus(status),
  };
}

function byStatus(status: number): RevocationResult {
  if (status >= 200 && status < 300) return 'revoked';
  return status >= 400 && status < 500 && status !== 429 ? 'refused' : 'unknown';
}

/** Replaces `{name}` in each text. A token is never read as a template. */
function filling(values: Readonly<Record<string, string>>) {
  return (texts: Readonly<Record<string, string>>): Record<string, string> =>
    Object.fromEntries(
      Object.entries(texts).map(([name, text]) => [
        name,
        text.replace(/\{([a-zA-Z]+)\}/g, (whole, key: string) =>
          Object.hasOwn(values, key) ? (values[key] ?? whole) : whole,
        ),
      ]),
    );
}
