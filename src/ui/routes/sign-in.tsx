/** Signing in with an API key or a JWT. */
import { z } from 'zod';
import { addressOf } from '../../api/address';
import type { NewAuditEvent } from '../../api/audit-log';
import { hasScope } from '../../api/authenticate';
import { ApiError } from '../../api/errors';
import { FailedAttempts } from '../../api/failed-attempts';
import { jwtExpiresAt } from '../../api/jwt';
import type { AuditDetails } from '../../domain/audit';
import type { Principal } from '../../store/api-keys';
import type { UiApp, UiDependencies } from '../dependencies';
import { showPage } from '../layout';
import { localPath } from '../local-path';
import { SignIn } from '../pages/sign-in';

const TITLE = 'Sign in';
const TOO_MANY = 429;
const FAILURES_MAX = 10;

const Form = z.object({ key: z.string().trim().catch(''), next: z.string().optional() });

export function registerSignIn(ui: UiApp, deps: UiDependencies): void {
  const { sessions, audit, logger, now, oidc } = deps;
  const failed = new FailedAttempts(FAILURES_MAX);

  ui.get('/sign-in', (c) =>
    showPage(
      c,
      { title: TITLE, narrow: true },
      <SignIn next={localPath(c.req.query('next'))} problem={null} oidc={oidc !== null} />,
    ),
  );

  ui.post('/sign-in', async (c) => {
    const form = Form.parse(await c.req.parseBody());
    const next = localPath(form.next);
    const address = addressOf(c) ?? 'unknown';
    const refused = (problem: string, status: 401 | 403 | 429) =>
      showPage(
        c,
        { title: TITLE, status, narrow: true },
        <SignIn next={next} problem={problem} oidc={oidc !== null} />,
      );

    const waitSeconds = failed.waitSeconds(address, now());
    if (waitSeconds > 0) {
      c.header('Retry-After', String(waitSeconds));
      return refused(`Too many failed sign-ins. Try again in ${waitSeconds} s.`, TOO_MANY);
    }
    try {
      const principal = await principalOf(form.key, deps);
      const until = jwtExpiresAt(principal, form.key);
      await audit.append(signedIn(principal, { by: until === null ? 'key' : 'jwt', address }));
      await sessions.start(
        c,
        principal,
        until === null ? { by: 'key', key: form.key } : { by: 'claims', until },
      );
      logger.info(
        { organisation: principal.organisation, key_id: principal.keyId, address },
        'signed in',
      );
      return c.redirect(next, 303);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      failed.record(address, now());
      logger.warn({ address, reason: error.code }, 'sign-in refused');
      return refused(error.message, error.code === 'forbidden' ? 403 : 401);
    }
  });
}

/** @throws {ApiError} with a sentence for the person at the page */
async function principalOf(key: string, deps: UiDependencies): Promise<Principal> {
  if (key === '') throw new ApiError('unauthenticated', 'Enter an API key or a JWT.');
  const principal = await deps.authenticator(key);
  if (!hasScope(principal, 'read')) {
    throw new ApiError(
      'forbidden',
      `This key is for machines: it has the scope ${principal.scopes.join(', ')}, and the pages take admin or read.`,
    );
  }
  return principal;
}

/** What the audit says of a sign-in: before there is a session, and without it there is none. */
export function signedIn(
  { keyId: actor, organisation }: Principal,
  details: AuditDetails,
): NewAuditEvent {
  return { organisation, actor, action: 'sign-in', details };
}
