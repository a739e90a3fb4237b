/** Captures an exchange for the log: allow-listed headers and members as text, all others as prefix and length. */
import type { MaskedRequest, MaskedResponse } from '../../domain/logs/log-entry';
import { maskFreeText, maskHeaders, maskMember } from '../../domain/masking/masking';
import { readAnswer } from './answer-members';
import type { TransportRequest, TransportResponse } from './transport';

export function captureRequest(
  shown: MaskedRequest,
  request: TransportRequest,
  form: URLSearchParams,
  secrets: readonly string[],
): MaskedRequest {
  return {
    ...shown,
    headers: maskHeaders(Object.entries(request.headers), secrets),
    body: Object.fromEntries(
      [...form].map(([name, value]) => [name, maskMember(name, value, secrets)]),
    ),
  };
}

export function captureResponse(
  shown: MaskedResponse,
  answer: TransportResponse,
  secrets: readonly string[],
): MaskedResponse {
  return {
    ...shown,
    headers: maskHeaders(answer.headers, secrets),
    body: maskBody(answer.body, secrets),
  };
}

function maskBody(text: string, secrets: readonly string[]): unknown {
  const { form, levels } = readAnswer(text);
  const top = levels.find(({ path }) => path === '');
  // A body that is neither JSON nor a form is shown as masked text.
  if (form === 'fragments' || top === undefined) return maskFreeText(withoutTokens(text), secrets);
  return Object.fromEntries(
    Object.entries(top.members).map(([name, value]) => [
      maskFreeText(name, secrets),
      maskMember(name, value, secrets),
    ]),
  );
}

/** Masks members whose names end in "token". Masking by value would miss a truncated token. */
function withoutTokens(text: string): string {
  return text
    .replace(/("\w*token"\s*:\s*)"(?:[^"\\]|\\.)*(?:"|\\?$)/gi, '$1<masked>')
    .replace(/\b(\w*token=)[^&\s]*/gi, '$1<masked>');
}
