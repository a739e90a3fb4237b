/** Reads the access token of a Bearer header, as most providers expect it. */
import type { IncomingHttpHeaders } from 'node:http';

/** @see [RFC 6750 section 2.1](https://www.rfc-editor.org/rfc/rfc6750#section-2.1) */
export function bearerToken({ authorization }: IncomingHttpHeaders): string | undefined {
  return /^Bearer (\S+)$/.exec(authorization ?? '')?.[1];
}
