/**
 * Refuses unsafe requests that a page of another site made the browser send, with any content type. This includes
 * sign-in and sign-out: another site must not sign a person in to another account.
 */
import { createMiddleware } from 'hono/factory';
import { ServiceError } from '../domain/service-error';
import { originOf } from '../http/address';
import type { UiDependencies } from './dependencies';
import type { UiEnv } from './env';

const SAFE_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);
/** `none`: the person caused the request directly, and no page did. */
const OWN_SITES: ReadonlySet<string> = new Set(['same-origin', 'none']);

/** `Sec-Fetch-Site` decides; without it, `Origin` must be ours. A request with neither is refused. */
export function requireSameOrigin({ publicUrl }: Pick<UiDependencies, 'publicUrl'>) {
  return createMiddleware<UiEnv>(async (c, next) => {
    if (!SAFE_METHODS.has(c.req.method)) {
      const site = c.req.header('sec-fetch-site');
      const origin = c.req.header('origin');
      const isOwn =
        site === undefined
          ? origin !== undefined && (origin === originOf(c) || origin === publicUrl?.origin)
          : OWN_SITES.has(site);
      if (!isOwn) {
        throw new ServiceError(
          'forbidden',
          'Nothing was changed: the request did not come from a page of Evergrant. Open the page in Evergrant and try again.',
        );
      }
      c.set('isOwnRequest', true);
    }
    await next();
  });
}
