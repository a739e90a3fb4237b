/**
 * Refresh (debug) of one account: a terminal with the steps as they happen, the verdict, the comparison with the last
 * scheduled attempt, and the complete masked exchange.
 */
import { type Account, AccountState } from '../../domain/account/account';
import type { LogEntry } from '../../domain/logs/log-entry';
import type { AttemptStep } from '../../domain/refresh/attempt-steps';
import { noneYet } from '../../domain/text/messages';
import { diagnose } from '../../services/logs/diagnostics';
import type { UiDependencies } from '../dependencies';
import { Act } from '../parts/act';
import { Badge, type Tone } from '../parts/badge';
import { Exchange } from '../parts/exchange';
import { Notice } from '../parts/notice';
import { Moment } from '../parts/time';
import { findAccount } from './account';
import { accountPath } from './accounts';

interface DebugView {
  account: Account;
  /** The running refresh; `null` if there is none. */
  progress: Awaited<ReturnType<UiDependencies['refreshes']['progress']>>;
  diagnostics: Awaited<ReturnType<typeof diagnose>>;
}

function debugPath(id: string): string {
  return `${accountPath(id)}/refresh-debug`;
}

/** @throws {ServiceError} `not_found` if absent or of another organisation */
export async function loadDebug(
  deps: Pick<UiDependencies, 'store' | 'refreshes'>,
  organisation: string,
  id: string,
): Promise<DebugView> {
  const account = await findAccount(deps, organisation, id);
  const progress = await deps.refreshes.progress(account);
  // Progress is read first: if the run ends between the two reads, its log entry has the result.
  return { account, progress, diagnostics: await diagnose(deps.store, organisation, id) };
}

export function DebugPage({ view, mayAct }: { view: DebugView; mayAct: boolean }) {
  const { id, label, state } = view.account;
  return (
    <>
      <div class="account-head">
        <p>
          <a href={accountPath(id)}>{label}</a>
          <span class="muted">
            Sends the same request as a scheduled refresh and logs the complete exchange, masked.
          </span>
        </p>
        {mayAct && state !== AccountState.disabled && (
          <div class="actions">
            <Act action={debugPath(id)}>
              <button class="primary">Refresh now (debug)</button>
            </Act>
          </div>
        )}
      </div>
      <div id="debug" hx-sse:connect={`${debugPath(id)}/stream`} hx-swap="innerMorph">
        <DebugTerminal view={view} />
      </div>
    </>
  );
}

/** The live fragment. */
export function DebugTerminal({ view: { progress, diagnostics } }: { view: DebugView }) {
  const { lastDebug } = diagnostics;
  if (progress !== null && progress.steps.length > 0) {
    return (
      <section class="card" aria-labelledby="steps-title">
        <h2 id="steps-title">
          Steps <Badge tone="active">Running</Badge>
        </h2>
        <Steps steps={progress.steps} />
        <p class="muted">The verdict and the exchange appear when the refresh has finished.</p>
      </section>
    );
  }
  return (
    <>
      {progress !== null && (
        <Notice kind="note">
          A refresh of this account is running. It started <Moment at={progress.startedAt} />.
        </Notice>
      )}
      {lastDebug === null ? (
        <p class="empty">{noneYet('debug refreshes of this account')}</p>
      ) : (
        <LastRun entry={lastDebug} diagnostics={diagnostics} />
      )}
    </>
  );
}

function LastRun({
  entry,
  diagnostics,
}: {
  entry: LogEntry;
  diagnostics: DebugView['diagnostics'];
}) {
  const { steps = [], outcome, error } = entry;
  return (
    <>
      <section class="card" aria-labelledby="verdict-title">
        <h2 id="verdict-title">
          Verdict{' '}
          <Badge tone={error === null ? 'good' : 'bad'}>{VERDICTS[outcome ?? 'unknown']}</Badge>
        </h2>
        <p>
          {entry.message}
          {error?.detail !== undefined && ` (${error.detail})`}
        </p>
        <p class="muted">
          <Moment at={new Date(entry.created_at)} /> ·{' '}
          <a href={`/admin/terminal?entry=${encodeURIComponent(entry.id)}`}>Log entry</a>
        </p>
      </section>
      <div class="columns">
        <section class="card" aria-labelledby="steps-title">
          <h2 id="steps-title">Steps</h2>
          <Steps steps={steps} />
        </section>
        <Comparison diagnostics={diagnostics} />
      </div>
      <Exchange entry={entry} />
    </>
  );
}

const VERDICTS = {
  ok: 'Refreshed',
  not_sent: 'Not sent',
  rejected: 'Refused',
  throttled: 'Throttled',
  unknown: 'Sent, no usable response',
} as const;

const STEP_NAMES: Record<AttemptStep['step'], string> = {
  claim: 'Claim the account',
  decrypt: 'Decrypt the refresh token',
  request: 'Build the request',
  response: 'Send it and wait for the response',
  commit: 'Commit the new grant',
  log: 'Write the log entry',
  record_failure: 'Record the failure',
};

function Steps({ steps }: { steps: AttemptStep[] }) {
  if (steps.length === 0)
    return <p class="muted">Unknown: the worker stopped before it reported the steps.</p>;
  return (
    <ol class="steps">
      {steps.map(({ step, at, duration_ms }) => (
        <li>
          <code>{step}</code> <span>{STEP_NAMES[step]}</span>
          <span class="took">
            {duration_ms === null ? (
              <>
                <Badge tone="active">In progress</Badge> started <Moment at={new Date(at)} />
              </>
            ) : (
              `${duration_ms} ms`
            )}
          </span>
        </li>
      ))}
    </ol>
  );
}

function Comparison({ diagnostics }: { diagnostics: DebugView['diagnostics'] }) {
  const { lastDebug, lastScheduled, comparison } = diagnostics;
  const [tone, word] = compared(comparison.sameToken);
  const columns = [
    ['Debug', lastDebug?.diagnostics],
    ['Scheduled', lastScheduled?.diagnostics],
  ] as const;
  return (
    <section class="card" aria-labelledby="comparison-title">
      <h2 id="comparison-title">
        Last debug and last scheduled refresh <Badge tone={tone}>{word}</Badge>
      </h2>
      <p>{comparison.message}</p>
      <table class="plain">
        <thead>
          <tr>
            <th scope="col">
              <span class="hidden">Value</span>
            </th>
            <th scope="col">Debug</th>
            <th scope="col">Scheduled</th>
          </tr>
        </thead>
        <tbody>
          {DIAGNOSTICS.map(([name, member]) => (
            <tr>
              <th scope="row">{name}</th>
              {columns.map(([attempt, values]) => (
                <td data-label={attempt}>
                  {values?.[member] ? <code>{values[member]}</code> : '–'}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {(lastDebug?.diagnostics?.warnings ?? []).map((warning) => (
        <p class="detail">{warning}</p>
      ))}
    </section>
  );
}

function compared(sameToken: boolean | null): [Tone, string] {
  if (sameToken === null) return ['plain', 'Nothing to compare'];
  return sameToken ? ['good', 'Same token'] : ['warn', 'Different tokens'];
}

const DIAGNOSTICS = [
  ['Caller', 'caller'],
  ['Stored', 'input_prefix'],
  ['Decrypted', 'decrypted_prefix'],
  ['Sent', 'final_prefix'],
  ['Fingerprint', 'refresh_token_fingerprint'],
] as const;
