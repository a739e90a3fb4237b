/** Rotate, pause and resume, for routes and pages: which rotation runs, and the log line. */
import type { Logger } from 'pino';
import type { Principal } from '../../domain/access/principal';
import { ServiceError } from '../../domain/service-error';
import { KeyNotPromotedError, promoteKey } from '../../process/key-registry';
import type { Store } from '../../store/store';
import type { EncryptionClient, Rotation } from '../../temporal/encryption-client';
import type { Vault } from '../../vault/vault';
import { callerName } from '../access/authenticator';

interface RotationDependencies {
  encryption: EncryptionClient;
  logger: Logger;
}

type Caller = Pick<Principal, 'keyId' | 'organisation'>;

/**
 * Starts a rotation, or returns the one that runs.
 * @param wanted the id of the new key; default: the key that was never used for encryption
 * @throws {ServiceError} `conflict` if a process lacks the key, or a rotation to another key runs
 */
export async function rotate(
  { store, vault, encryption, logger }: RotationDependencies & { store: Store; vault: Vault },
  wanted: string | undefined,
  { keyId, organisation }: Caller,
): Promise<Rotation> {
  const newest = await encryption.rotation();
  if (newest?.status === 'running' || newest?.status === 'paused') {
    const current = newest.progress?.to;
    if (wanted === undefined || wanted === current) return newest;
    throw new ServiceError(
      'conflict',
      `A rotation${current === undefined ? '' : ` to "${current}"`} is ${newest.status}. Try again when it has finished.`,
    );
  }
  let to: string;
  try {
    to = await promoteKey(store, vault, wanted);
  } catch (error) {
    throw error instanceof KeyNotPromotedError
      ? new ServiceError('conflict', error.message)
      : error;
  }
  const rotation = await encryption.start(to);
  logger.info(
    { encryption_key: to, key_id: keyId, organisation },
    'encryption key rotation started',
  );
  return rotation;
}

/** @throws {ServiceError} `conflict` if no rotation runs */
export async function pauseRotation(
  { encryption, logger }: RotationDependencies,
  why: string | undefined,
  { keyId, organisation }: Caller,
): Promise<Rotation> {
  const rotation = await encryption.pause(why ?? `paused by ${callerName(keyId)}`);
  logger.info({ key_id: keyId, organisation, note: why ?? null }, 'rotation paused');
  return rotation;
}

/** @throws {ServiceError} `conflict` if no rotation runs */
export async function resumeRotation(
  { encryption, logger }: RotationDependencies,
  { keyId, organisation }: Caller,
): Promise<Rotation> {
  const rotation = await encryption.resume();
  logger.info({ key_id: keyId, organisation }, 'rotation resumed');
  return rotation;
}
