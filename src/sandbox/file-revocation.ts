/** The revocations that a provider file describes: of RFC 7009, or with the request that the file states. */
import type { ProviderFile } from '../providers/catalogue/provider-file';
import type { Dialect, PresentedRequest, TokenRequest, WireAnswer } from './dialect';
import { memberPut } from './file-body';
import { fileRevocation, sentParameters } from './file-request';
import { jsonAnswer } from './json-answer';
import { readBasicCredentials } from './token-request';

type Form = NonNullable<NonNullable<ProviderFile['revocation']>['request']>;

export function revocationOf(file: ProviderFile): Dialect['revocation'] {
  const { revocation } = file;
  if (revocation?.url === undefined) return undefined;
  const path = `/${file.id}/revoke`;
  const { request } = revocation;
  if (request === undefined)
    return {
      path,
      method: 'POST',
      read: (sent) => fileRevocation(file, sent),
      revoked: () => jsonAnswer(200, {}),
      unknown: () => jsonAnswer(400, { error: 'invalid_token' }),
    };
  const texts = [...Object.values(request.parameters), ...Object.values(request.headers)];
  return {
    path,
    method: request.method,
    isAnonymous: !texts.some((text) => /\{(basic|clientSecret)\}/.test(text)),
    read: (sent) => statedRequest(request, sent),
    revoked: () => judgedAnswer(request, 'revoked', 200),
    unknown: () => judgedAnswer(request, 'refused', 400),
  };
}

/** Reads the values in the places where the file puts them. Other texts there make the request malformed. */
function statedRequest(form: Form, request: PresentedRequest): TokenRequest {
  const body = form.body === 'none' ? 'query' : form.body;
  const { parameters, isRepeated } = sentParameters(body, request);
  const found = [
    ...Object.entries(form.parameters).map(([name, text]) => valuesIn(text, parameters.get(name))),
    ...Object.entries(form.headers).map(([name, text]) =>
      valuesIn(text, request.headers[name.toLowerCase()]?.toString()),
    ),
  ];
  const values = Object.assign({}, ...found.filter((one) => one !== null));
  const { token, clientId, clientSecret, basic } = values;
  return {
    ...(token !== undefined && { token }),
    ...(clientId !== undefined && { clientId }),
    ...(clientSecret !== undefined && { clientSecret }),
    ...readBasicCredentials(basic === undefined ? undefined : `Basic ${basic}`),
    malformed: isRepeated || found.includes(null),
  };
}

/** Returns the values of the placeholders in a text, or `null` if the sent text is another one. */
function valuesIn(text: string, sent = ''): Record<string, string> | null {
  const pattern = text
    .replace(/[.*+?^$()|[\]\\]/g, String.raw`\$&`)
    .replace(/\{([a-zA-Z]+)\}/g, String.raw`(?<$1>\S+)`);
  const match = new RegExp(`^${pattern}$`).exec(sent);
  return match === null ? null : { ...match.groups };
}

/** Returns an answer that the file judges so. */
function judgedAnswer({ judge }: Form, means: 'revoked' | 'refused', status: number): WireAnswer {
  const rule = judge.find((one) => one.means === means);
  const body: Record<string, unknown> = means === 'revoked' ? {} : { error: 'invalid_token' };
  if (rule?.path !== undefined) memberPut(body, rule.path, rule.equals ?? 'invalid_token');
  return jsonAnswer(rule?.status[0] ?? status, body);
}
