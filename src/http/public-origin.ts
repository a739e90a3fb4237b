/** The origin of links and redirect URIs, which other systems store. */
import type { Context } from 'hono';
import { ServiceError } from '../domain/service-error';
import { isLoopback } from '../providers/exchange/token-endpoint';
import { originOf } from './address';

/**
 * PUBLIC_URL, or the origin of a request on this machine. The `Host` header of any other request is not trusted,
 * because a consent is sent to this origin.
 * @throws {ServiceError} `conflict`
 */
export function publicOrigin(c: Context, publicUrl: URL | null): string {
  if (publicUrl !== null) return publicUrl.origin;
  const origin = originOf(c);
  if (isLoopback(new URL(origin))) return origin;
  throw new ServiceError(
    'conflict',
    'PUBLIC_URL is not set, and links need it. Set it to the address at which browsers reach Evergrant.',
  );
}

/** The origin for commands that a person copies. Unlike a link, nothing is sent there unless the person runs them. */
export function shownOrigin(c: Context, publicUrl: URL | null): string {
  return publicUrl?.origin ?? originOf(c);
}
