/** R1.7: the last debug and the last scheduled attempt of an account, and whether they used the same token. */
import { ATTEMPT_ACTIONS, type LogEntry } from '../domain/log-entry';
import type { Store } from '../store/store';

export interface AccountDiagnostics {
  lastDebug: LogEntry | null;
  lastScheduled: LogEntry | null;
  /** `sameToken: null`: one of them is missing, or never opened a token. */
  comparison: { sameToken: boolean | null; message: string };
}

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
        limit: 1,
      })
    ).at(0) ?? null;
  const [lastDebug, lastScheduled] = await Promise.all([last('debug'), last('scheduled')]);
  return { lastDebug, lastScheduled, comparison: compare(lastDebug, lastScheduled) };
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
      message: `There is no ${missing} attempt that opened a refresh token yet.`,
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
          'The last debug and the last scheduled attempt used different refresh tokens: it was replaced in between.',
      };
}
