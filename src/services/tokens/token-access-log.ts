/**
 * Records token accesses before their tokens are served: a response waits until its access is durable. Accesses of one
 * organisation are batched: while one batch is written the next collects, and no timer adds a delay. If MongoDB does
 * not accept a batch in time, the token is still served: the access is logged at once, and stored when MongoDB is back.
 * If the audit is required, the token is refused instead.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { Logger } from 'pino';
import { type AuditHead, storable } from '../../domain/audit/audit';
import { ServiceError } from '../../domain/service-error';
import {
  ACCESS_WRITER,
  accessDetails,
  BATCH_MAX,
  TOKEN_ACCESSES,
  type TokenAccess,
  type TokenAccesses,
} from '../../store/access/token-accesses';
import { Grouped } from '../../store/mongo/batched';
import type { Vault } from '../../vault/vault';
import { createChain } from '../audit/audit-log';

/** How long a response waits for the record of its access, in ms. */
export const RECORDED_WITHIN_MS = 1_000;
/** Pause between attempts to store kept accesses, in ms. */
const RETRY_EVERY_MS = 1_000;
/** How long a stopping process tries to store kept accesses, in ms. */
const STOP_MAX_MS = 10_000;
/** Accesses kept in memory during an outage of MongoDB, about 500 bytes each: per organisation, and in total. */
const KEPT_MAX = { ofOne: 20_000, ofAll: 100_000 } as const;

/** The log message of an access that was not recorded when its token was served. */
export const SERVED_UNRECORDED = 'a token was served before its access was recorded in the audit';

export interface TokenAccessLog {
  /**
   * Resolves when the access is durable, or is logged because it could not be recorded.
   * @throws {ServiceError} `audit_unavailable` if it could not be recorded and the audit is required; do not serve the
   * token
   */
  record(organisation: string, tokenAccess: TokenAccess): Promise<void>;
  /** Stores the accesses kept in memory. */
  flush(): Promise<void>;
  /** Stores the rest, or logs how much could not be stored. */
  stop(): Promise<void>;
}

export interface TokenAccessLogDependencies {
  tokenAccesses: Pick<TokenAccesses, 'head' | 'insert' | 'retentionMs'>;
  vault: Pick<Vault, 'authenticationCode'>;
  logger: Logger;
  /** Whether to refuse tokens whose accesses cannot be recorded. */
  required: boolean;
  now: () => Date;
  onHead?: (organisation: string, head: AuditHead) => void;
}

/** Immutable, so that repeated writes are idempotent. */
interface Batch {
  id: string;
  organisation: string;
  tokenAccesses: readonly TokenAccess[];
}

/** The accesses of one organisation. */
interface Accesses {
  groups: Grouped<TokenAccess, void>;
  /** MongoDB did not accept a batch in time; until kept accesses are stored, no response waits for it. */
  isBehind: boolean;
  /** The failure is logged and still lasts. */
  isReported: boolean;
  /** Batches that may have been written, oldest first. */
  unwritten: Batch[];
  /** Accesses of tokens that were served in the meantime. */
  kept: TokenAccess[];
}

export function createTokenAccessLog({
  tokenAccesses,
  vault,
  logger,
  required,
  now,
  onHead,
}: TokenAccessLogDependencies): TokenAccessLog {
  const chain = createChain<readonly TokenAccess[]>({
    entries: tokenAccesses,
    vault,
    retentionMs: tokenAccesses.retentionMs,
    now,
    onHead,
  });
  const byOrganisation = new Map<string, Accesses>();
  let keptOfAll = 0;
  let timer: NodeJS.Timeout | null = null;
  let flushing: Promise<void> | null = null;

  async function write({ id, organisation, tokenAccesses: written }: Batch, late: boolean) {
    const details = accessDetails(organisation, written, late);
    await chain.append(
      { id, organisation, actor: ACCESS_WRITER, action: TOKEN_ACCESSES, details },
      written,
    );
  }

  function accessesOf(organisation: string): Accesses {
    let accesses = byOrganisation.get(organisation);
    if (accesses === undefined) {
      accesses = newAccesses(organisation);
      byOrganisation.set(organisation, accesses);
    }
    return accesses;
  }

  function newAccesses(organisation: string): Accesses {
    async function writeGroup(group: readonly TokenAccess[]): Promise<void> {
      const batch = { id: randomUUID(), organisation, tokenAccesses: group };
      try {
        await write(batch, false);
        if (!accesses.isBehind) accesses.isReported = false;
      } catch (error) {
        fallBehind(accesses, error);
        // If the audit is required, none of these tokens is served.
        if (!required) {
          accesses.unwritten.push(batch);
          keptOfAll += group.length;
        }
        throw error;
      }
    }
    const accesses: Accesses = {
      groups: new Grouped(
        (one) => writeGroup([one]),
        async (group) => {
          await writeGroup(group);
          return group.map(() => undefined);
        },
        // A batch is kept and rewritten as a whole.
        () => true,
      ),
      isBehind: false,
      isReported: false,
      unwritten: [],
      kept: [],
    };
    return accesses;
  }

  function fallBehind(accesses: Accesses, error: unknown): void {
    if (!accesses.isReported)
      logger.warn({ err: error }, 'MongoDB does not record token accesses in time');
    accesses.isReported = true;
    if (required) return;
    accesses.isBehind = true;
    schedule();
  }

  function schedule(): void {
    timer ??= setTimeout(() => void flush().catch(() => schedule()), RETRY_EVERY_MS).unref();
  }

  /** Keeps an access in memory, if there is room. */
  function keep(accesses: Accesses, tokenAccess: TokenAccess): boolean {
    if (accesses.kept.length >= KEPT_MAX.ofOne || keptOfAll >= KEPT_MAX.ofAll) return false;
    accesses.kept.push(tokenAccess);
    keptOfAll += 1;
    return true;
  }

  function logUnrecorded(organisation: string, tokenAccess: TokenAccess, kept: boolean): void {
    logger.error(
      {
        organisation,
        account_id: tokenAccess.accountId,
        key_id: tokenAccess.keyId,
        request_id: tokenAccess.requestId,
        at: tokenAccess.at.toISOString(),
        source: tokenAccess.source,
        generation: tokenAccess.generation,
        access_token_fingerprint: tokenAccess.accessTokenFingerprint,
        // `false`: there was no room, and this line is the only record.
        kept,
      },
      SERVED_UNRECORDED,
    );
  }

  async function writeKept(organisation: string, accesses: Accesses): Promise<void> {
    let written = 0;
    for (;;) {
      if (accesses.unwritten.length === 0 && accesses.kept.length > 0) {
        const cut = accesses.kept.splice(0, BATCH_MAX);
        accesses.unwritten.push({ id: randomUUID(), organisation, tokenAccesses: cut });
      }
      const [batch] = accesses.unwritten;
      if (batch === undefined) break;
      await write(batch, true);
      accesses.unwritten.shift();
      keptOfAll -= batch.tokenAccesses.length;
      written += batch.tokenAccesses.length;
    }
    if (accesses.isBehind)
      logger.info(
        { organisation, accesses: written },
        'MongoDB records token accesses in time again',
      );
    accesses.isBehind = false;
    accesses.isReported = false;
  }

  async function flushAll(): Promise<void> {
    if (timer !== null) clearTimeout(timer);
    timer = null;
    const behind = [...byOrganisation].filter(([, { isBehind }]) => isBehind);
    const written = await Promise.allSettled(behind.map((one) => writeKept(...one)));
    const failed = written.find(({ status }) => status === 'rejected');
    if (failed?.status === 'rejected') throw failed.reason;
  }

  function flush(): Promise<void> {
    flushing ??= flushAll().finally(() => {
      flushing = null;
    });
    return flushing;
  }

  return {
    async record(organisation, given) {
      const { keyId, requestId } = given;
      const tokenAccess = { ...given, keyId: storable(keyId), requestId: storable(requestId) };
      const accesses = accessesOf(organisation);
      if (accesses.isBehind) {
        logUnrecorded(organisation, tokenAccess, keep(accesses, tokenAccess));
        return;
      }
      if (await inTime(accesses.groups.call(tokenAccess))) return;
      fallBehind(accesses, new Error(`not written within ${RECORDED_WITHIN_MS} ms`));
      if (required) throw unavailable();
      // Its batch is being written, queued, or kept.
      logUnrecorded(organisation, tokenAccess, true);
    },
    flush,
    async stop() {
      const until = Date.now() + STOP_MAX_MS;
      for (;;) {
        try {
          await flush();
          return;
        } catch (error) {
          if (Date.now() >= until) {
            logger.error(
              { err: error, lost: keptOfAll },
              'token accesses were not recorded in the audit; the log has a line for each',
            );
            return;
          }
          await pause(RETRY_EVERY_MS);
        }
      }
    },
  };
}

function unavailable(): ServiceError {
  return new ServiceError(
    'audit_unavailable',
    'The access could not be recorded in the audit, so no token was served (AUDIT_REQUIRED). Try again.',
  );
}

/** Whether the write succeeds within {@link RECORDED_WITHIN_MS}. */
function inTime(written: Promise<void>): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), RECORDED_WITHIN_MS);
    const end = (isWritten: boolean) => {
      clearTimeout(timer);
      resolve(isWritten);
    };
    written.then(
      () => end(true),
      () => end(false),
    );
  });
}
