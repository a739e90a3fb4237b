/** Sign-in with an API key or a JWT. */
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { z } from 'zod';
import type { Principal } from '../../domain/access/principal';
import { ServiceError } from '../../domain/service-error';
import { addressOf } from '../../http/address';
import { STATUS } from '../../http/errors';
import { jwtExpiresAt } from '../../services/access/jwt';
import type { UiDependencies } from '../dependencies';
import type { UiApp } from '../env';
import { formFields } from '../form';
import { showPage } from '../layout';
import { localPath } from '../local-path';
import { SignIn } from '../pages/sign-in';
import { opensPages } from '../permissions';

const TITLE = 'Sign in';

const Form = z.object({ key: z.string().trim().catch(''), next: z.string().optional() });

export function registerSignIn(ui: UiApp, deps: UiDependencies): void {
  const { sessions, logger, oidc } = deps;

  ui.get('/sign-in', (c) =>
    showPage(
      c,
      { title: TITLE, narrow: true },
      <SignIn next={localPath(c.req.query('next'))} problem={null} oidc={oidc !== null} />,
    ),
  );

  ui.post('/sign-in', async (c) => {
    const form = Form.parse(await formFields(c));
    const next = localPath(form.next);
    const address = addressOf(c);
    const refused = (problem: string, status: ContentfulStatusCode) =>
      showPage(
        c,
        { title: TITLE, status, narrow: true },
        <SignIn next={next} problem={problem} oidc={oidc !== null} />,
      );

    try {
      const principal = await principalOf(form.key, address, deps);
      const until = jwtExpiresAt(principal, form.key);
      await sessions.start(
        c,
        principal,
        until === null ? { by: 'key', key: form.key } : { by: 'jwt', until },
        { address: address ?? 'unknown' },
      );
      logger.info(
        { organisation: principal.organisation, key_id: principal.keyId, address },
        'signed in',
      );
      return c.redirect(next, 303);
    } catch (error) {
      if (!(error instanceof ServiceError)) throw error;
      logger.warn({ address, reason: error.code }, 'sign-in refused');
      if (error.retryAfterSeconds !== null)
        c.header('Retry-After', String(error.retryAfterSeconds));
      return refused(error.message, STATUS[error.code]);
    }
  });
}

/** @throws {ServiceError} with a message for the person who signs in */
async function principalOf(
  key: string,
  address: string | null,
  deps: UiDependencies,
): Promise<Principal> {
  if (key === '') throw new ServiceError('unauthenticated', 'Enter an API key or a JWT.');
  const principal = await deps.authenticator(key, address);
  if (!opensPages(principal)) {
    throw new ServiceError(
      'forbidden',
      `This key cannot sign in: it has only the scope ${principal.scopes.join(' and ')}. Use a key with the scope read, admin or operator.`,
    );
  }
  return principal;
}
