/** The exchange as it may be shown: headers and bodies by allow-list, everything else as a prefix and a length. */
import type { MaskedRequest, MaskedResponse } from '../domain/log-entry';
import { maskFreeText, maskHeaders, maskMember } from '../domain/masking';
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
  try {
    const body: unknown = JSON.parse(text);
    if (typeof body === 'object' && body !== null && !Array.isArray(body)) {
      return Object.fromEntries(
        Object.entries(body).map(([name, value]) => [
          maskFreeText(name, secrets),
          maskMember(name, value, secrets),
        ]),
      );
    }
  } catch {
    // Not JSON: shown as text below.
  }
  return maskFreeText(text, secrets);
}
