/** The latest debug and scheduled attempts of an account, and whether they used the same token. */
import { ATTEMPT_ACTIONS, type LogEntry } from '../../domain/logs/log-entry';
import type { Store } from '../../store/store';

export interface AccountDiagnostics {
  lastDebug: LogEntry | null;
  lastScheduled: LogEntry | null;
  /** `sameToken` is `null` if one of them is missing, or never decrypted a token. */
  comparison: { sameToken: boolean | null; message: string };
}

/** Entries read to find an attempt with the current grant. */
const ENTRIES_READ = 20;

export async function diagnose(
  store: Store,
  organisation: string,
  accountId: string,
): Promise<AccountDiagnostics> {
  const last = async (source: 'debug' | 'scheduled') =>
    (
      await store.logEntries.list({
        organisation,
        accountId,
        source,
        action: ATTEMPT_ACTIONS,
        limit: ENTRIES_READ,
      })
    ).find(isOfCurrent) ?? null;
  const [lastDebug, lastScheduled] = await Promise.all([last('debug'), last('scheduled')]);
  return { lastDebug, lastScheduled, comparison: compare(lastDebug, lastScheduled) };
}

/** Skips failed attempts with a candidate, which say nothing about the current grant. */
function isOfCurrent({ diagnostics, error }: LogEntry): boolean {
  return diagnostics?.submitted_grant === undefined || error === null;
}

function compare(
  debug: LogEntry | null,
  scheduled: LogEntry | null,
): AccountDiagnostics['comparison'] {
  const used = debug?.diagnostics?.refresh_token_fingerprint ?? null;
  const other = scheduled?.diagnostics?.refresh_token_fingerprint ?? null;
  if (used === null || other === null) {
    const missing = used === null ? 'debug' : 'scheduled';
    return {
      sameToken: null,
      message: `No ${missing} attempt has decrypted a refresh token yet.`,
    };
  }
  return used === other
    ? {
        sameToken: true,
        message: 'The last debug and the last scheduled attempt used the same refresh token.',
      }
    : {
        sameToken: false,
        message:
          'The last debug and the last scheduled attempt used different refresh tokens: the token was replaced in between.',
      };
}
