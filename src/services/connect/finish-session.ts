/** Mode `app`: the application's server finishes a session, or its consent is dropped. */
import { timingSafeEqual } from 'node:crypto';
import { type ConnectSession, statusAt } from '../../domain/connect/connect-session';
import { notFound, ServiceError } from '../../domain/service-error';
import { challengeOf } from './connect-secrets';
import {
  type ConnectDependencies,
  consentRecord,
  recordFailure,
  revokeDropped,
  storeOrHandOver,
} from './store-consent';

/**
 * Stores the consent that waits. The verifier proves that the person who consented is the one whom the application
 * sent: it is kept in that person's session at the application.
 * @throws {ServiceError} `conflict` if no consent waits; `forbidden` for another verifier, which drops the consent
 */
export async function finishSession(
  deps: ConnectDependencies,
  organisation: string,
  id: string,
  verifier: string,
): Promise<ConnectSession> {
  const { store, providers, now } = deps;
  const session = await store.connectSessions.find(organisation, id);
  if (session === null) throw notFound(`connect session ${id}`);
  if (statusAt(session, now()) !== 'awaiting_finish') throw notWaiting(session, now());
  const taken = await store.connectSessions.takePending(organisation, id, now());
  if (taken === null) throw notWaiting(session, now());
  if (!isVerifierOf(taken, verifier)) {
    await revokeDropped(deps, taken);
    await recordFailure(deps, taken, { code: 'not_finished', detail: 'another code_verifier' });
    throw new ServiceError(
      'forbidden',
      'The code_verifier does not match the code_challenge of the session, so the consent was dropped. Create a new session.',
    );
  }
  const { pending, externalId } = taken;
  const provider = providers.find(taken.provider);
  if (pending === null || externalId === null || provider === undefined)
    throw notWaiting(taken, now());
  const record = consentRecord({ ...taken, externalId }, pending, {
    at: new Date(pending.grant.obtainedAt),
    provider,
    response: null,
    warnings: [],
    waitsForFinish: false,
  });
  await storeOrHandOver(deps, record);
  return (await store.connectSessions.find(organisation, id)) ?? taken;
}

/** Drops the consents that no application finished in time, across organisations. */
export async function dropUnfinished(deps: ConnectDependencies): Promise<void> {
  for (;;) {
    // oxlint-disable-next-line no-await-in-loop -- each call takes one session
    const session = await deps.store.connectSessions.takeUnfinished(deps.now());
    if (session === null) return;
    // oxlint-disable-next-line no-await-in-loop
    await revokeDropped(deps, session);
    // oxlint-disable-next-line no-await-in-loop
    await recordFailure(deps, session, { code: 'not_finished', detail: null });
  }
}

function isVerifierOf({ challenge }: ConnectSession, verifier: string): boolean {
  const given = Buffer.from(challengeOf(verifier));
  const expected = Buffer.from(challenge ?? '');
  return given.length === expected.length && timingSafeEqual(given, expected);
}

function notWaiting(session: ConnectSession, now: Date): ServiceError {
  return new ServiceError(
    'conflict',
    `No consent waits to be finished: the session is ${statusAt(session, now)}.`,
  );
}
