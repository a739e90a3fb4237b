/** One account: its due times, why it is or is not due, its grants, latest attempts and workflows. Updated live. */
import { dueBody } from '../../api/routes/accounts/account-body';
import {
  type Account,
  AccountState,
  isOutOfService,
  statusReason,
} from '../../domain/account/account';
import {
  type CredentialsGrant,
  grantNoun,
  holdsCredentials,
} from '../../domain/account/grant-type';
import { RESULT_WORDS } from '../../domain/connect/disconnection';
import type { LogEntry } from '../../domain/logs/log-entry';
import { notFound } from '../../domain/service-error';
import { noneYet } from '../../domain/text/messages';
import { apiErrorOf } from '../../http/errors';
import { policyBody } from '../../services/accounts/account-policy';
import type { UiDependencies } from '../dependencies';
import { StatusBadge, words } from '../parts/account-badges';
import { Badge } from '../parts/badge';
import { Commands, type RepeatedBy } from '../parts/commands';
import { Copyable } from '../parts/copy';
import { Notice } from '../parts/notice';
import { duration, Moment } from '../parts/time';
import { AccountActions } from './account-actions';
import { durationOf, WorkflowOutcome, workflowPath } from './workflows';

const ATTEMPTS = 10;
const WORKFLOWS = 10;

type Workflows = Awaited<ReturnType<UiDependencies['workflows']['list']>>['items'];

export interface AccountView {
  account: Account;
  due: ReturnType<typeof dueBody>;
  attempts: LogEntry[];
  /** The error's message if Temporal is unreachable. */
  workflows: Workflows | string;
  now: Date;
}

/** @throws {ServiceError} `not_found` if absent or of another organisation */
export async function findAccount(
  { store }: Pick<UiDependencies, 'store'>,
  organisation: string,
  id: string,
): Promise<Account> {
  const account = await store.accounts.find(organisation, id);
  if (account === null) throw notFound(`account ${id}`);
  return account;
}

export async function loadAccount(
  deps: Pick<UiDependencies, 'store' | 'providers' | 'workflows' | 'now'>,
  organisation: string,
  id: string,
): Promise<AccountView> {
  const account = await findAccount(deps, organisation, id);
  const [attempts, workflows] = await Promise.all([
    deps.store.logEntries.list({ organisation, accountId: id, limit: ATTEMPTS }),
    // The page also works without Temporal.
    deps.workflows
      .list({ organisation, scopes: ['read'] }, { accountId: id }, { limit: WORKFLOWS })
      .then(
        ({ items }) => items,
        (error: unknown) => apiErrorOf(error).message,
      ),
  ]);
  const now = deps.now();
  return {
    account,
    due: dueBody(account, deps.providers.find(account.provider), now),
    attempts,
    workflows,
    now,
  };
}

interface AccountProps {
  view: AccountView;
  mayAct: boolean;
}

/** The commands of an account; those that act only for persons that may act. */
export function AccountCommands({
  account: { id, quarantine },
  origin,
  mayAct,
}: {
  account: Account;
  origin: string;
  mayAct: boolean;
}) {
  const path = `/api/admin/accounts/${encodeURIComponent(id)}`;
  const acts: RepeatedBy[] = [
    {
      title: 'Refresh if due',
      request: { method: 'POST', path: `${path}/refresh`, body: {} },
      words: ['refresh', id],
    },
    {
      title: 'Validate',
      request: { method: 'POST', path: `${path}/validate` },
      words: ['validate', id],
    },
    ...(quarantine
      ? [
          {
            title: 'Release from quarantine',
            request: {
              method: 'POST',
              path: '/api/admin/accounts/release',
              body: { account_ids: [id] },
            },
            words: ['accounts', 'release', id],
          },
        ]
      : []),
    {
      title: 'Token accesses',
      request: { path: `${path}/token-accesses` },
      words: ['tokens', 'accesses', id],
    },
  ];
  return (
    <Commands
      origin={origin}
      of="this account"
      commands={[
        { title: 'Show', request: { path }, words: ['accounts', 'show', id] },
        ...(mayAct ? acts : []),
      ]}
    />
  );
}

/** The live fragment. */
export function AccountDetails({ view, mayAct }: AccountProps) {
  const { account, due, now } = view;
  return (
    <>
      <div class="account-head">
        <p>
          <StatusBadge account={account} now={now} />
          {due.due && <Badge tone="active">Due</Badge>}
          {account.claim !== null && <Badge tone="active">Refreshing</Badge>}
          <span class="muted">
            {[account.provider, account.environment, account.kind, grantText(account)]
              .filter((part) => part !== null)
              .join(' · ')}
          </span>
          <Copyable text={account.externalId} of="the external id" />
          <Copyable text={account.id} of="the account id" />
        </p>
        {mayAct && <AccountActions account={account} isDue={due.due} />}
      </div>
      <Trouble account={account} now={now} />
      <Reconnects account={account} now={now} />
      <DisconnectedTokens account={account} />
      <div class="columns">
        <div class="stack">
          <DueTimes account={account} />
          <Grants account={account} />
        </div>
        <div class="stack">
          <WhyDue due={due} />
          <Policy account={account} />
        </div>
      </div>
      <Attempts attempts={view.attempts} />
      <WorkflowList workflows={view.workflows} />
    </>
  );
}

const GRANT_TITLES: Record<CredentialsGrant, string> = {
  client_credentials: 'Client credentials',
  jwt_bearer: 'JWT bearer',
};

/** `null` for the usual grant. */
function grantText({ grantType, hasOwnClient }: Account): string | null {
  if (!holdsCredentials(grantType)) return null;
  return `${GRANT_TITLES[grantType]}, ${hasOwnClient ? 'own client' : 'OAuth app of the provider'}`;
}

function Trouble({ account, now }: { account: Account; now: Date }) {
  const { state, stateAt, lastError } = account;
  const { active } = AccountState;
  const reason = statusReason(account, now);
  return (
    <>
      {state !== active && (
        <Notice kind={isOutOfService(state) ? 'note' : 'bad'}>
          {reason ?? words(state)} (status changed <Moment at={stateAt} />)
        </Notice>
      )}
      {state === active && reason !== null && <Notice kind="bad">{reason}</Notice>}
      {lastError !== null && lastError.message !== reason && (
        <Notice kind="bad">
          Last error: {lastError.message}
          {lastError.detail !== undefined && ` (${lastError.detail})`} <Moment at={lastError.at} />
        </Notice>
      )}
    </>
  );
}

/** The result per token of a disconnection, while it runs and afterwards. */
function DisconnectedTokens({ account: { disconnection } }: { account: Account }) {
  if (disconnection === null) return null;
  const { tokens, nextAttemptAt, startedAt, startedBy } = disconnection;
  return (
    <section>
      <h2>Disconnection</h2>
      <p>
        Started <Moment at={startedAt} /> by {startedBy}.
        {nextAttemptAt !== null && (
          <>
            {' '}
            The provider gave no usable response. Next attempt: <Moment at={nextAttemptAt} />.
          </>
        )}
      </p>
      <ul>
        {tokens.map(({ grant, token, result }) => (
          <li>
            {token === 'refresh_token' ? 'Refresh token' : 'Access token'}
            {grant !== 'current' && ` (${grant})`}:{' '}
            {result === null ? 'not decided yet' : RESULT_WORDS[result]}
          </li>
        ))}
      </ul>
    </section>
  );
}

/** The waiting candidate, the last refusal, and the grant that can be restored. */
function Reconnects({ account, now }: { account: Account; now: Date }) {
  const { candidate, lastReconnect, replaced } = account;
  const refusal = lastReconnect?.outcome === 'refused' ? lastReconnect : null;
  return (
    <>
      {candidate !== null && (
        <Notice kind="note">
          A new grant, entered <Moment at={candidate.since} /> by {candidate.by}, is waiting for its
          test. The account keeps its current grant until the new one works.{' '}
          {candidate.lastFailure !== null && `${candidate.lastFailure.message} `}
          {candidate.nextAttemptAt !== null && candidate.nextAttemptAt > now && (
            <>
              Next attempt: <Moment at={candidate.nextAttemptAt} />. To test it now, use “Force
              refresh”.
            </>
          )}
        </Notice>
      )}
      {candidate === null && refusal !== null && (
        <Notice kind="bad">
          {refusal.failure?.message}{' '}
          {refusal.failure?.detail !== undefined && `(${refusal.failure.detail}) `}
          <a href={`/admin/terminal?entry=${encodeURIComponent(refusal.logEntryId)}`}>Log entry</a>,{' '}
          <Moment at={refusal.at} />
        </Notice>
      )}
      {replaced !== null && replaced.until > now && (
        <Notice kind="note">
          Reconnected <Moment at={replaced.at} />. The replaced grant can be restored until{' '}
          <Moment at={replaced.until} />.
        </Notice>
      )}
    </>
  );
}

/** Times that are unknown or do not apply are left out. */
function DueTimes({ account }: { account: Account }) {
  const { current, dueTimes, lastRefreshedAt, nextAttemptAt, failedAttempts, state } = account;
  const rows: [string, string | Date | null, string | null][] = [
    [
      'Access token expires',
      current.accessToken === null ? null : current.expiresAt,
      current.accessToken === null ? 'no access token yet' : 'never',
    ],
    ['Refresh token expires', current.refreshTokenExpiresAt, null],
    ['Last refreshed', lastRefreshedAt, 'never'],
    ['Due at', state === AccountState.active ? dueTimes.dueAt : null, null],
    ['Back-off until', nextAttemptAt, null],
  ];
  return (
    <section class="card" aria-labelledby="due-times-title">
      <h2 id="due-times-title">Due times</h2>
      <dl class="facts">
        {rows
          .filter(([, at, otherwise]) => at !== null || otherwise !== null)
          .map(([name, at, otherwise]) => (
            <>
              <dt>{name}</dt>
              <dd>
                {at === null ? (
                  <span class="muted">{otherwise}</span>
                ) : (
                  <Moment at={new Date(at)} />
                )}
              </dd>
            </>
          ))}
        {failedAttempts > 0 && (
          <>
            <dt>Consecutive failures</dt>
            <dd>{failedAttempts}</dd>
          </>
        )}
      </dl>
    </section>
  );
}

function WhyDue({ due }: { due: AccountView['due'] }) {
  return (
    <section class="card" aria-labelledby="due-title">
      <h2 id="due-title">{due.due ? 'Why is it due now?' : 'Why is it not due now?'}</h2>
      {/* One sentence per line. A time never contains a full stop followed by a space, and stays on one line. */}
      <ul class="sentences">
        {due.explanation.split(/(?<=\.) /).map((sentence) => (
          <li>
            {sentence
              .split(/(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC)/)
              .map((part, at) => (at % 2 === 0 ? part : <span class="moment">{part}</span>))}
          </li>
        ))}
      </ul>
      <p class="muted">
        Reason <code>{due.reason}</code>
      </p>
    </section>
  );
}

function Grants({
  account: { current, previous, generation, fallback, grantType },
}: {
  account: Account;
}) {
  const rows = [
    ['Access token', current.accessTokenFingerprint, previous?.accessTokenFingerprint],
    [
      sentenceCase(grantNoun(grantType)),
      current.refreshTokenFingerprint,
      previous?.refreshTokenFingerprint,
    ],
  ] as const;
  return (
    <section class="card" aria-labelledby="grants-title">
      <h2 id="grants-title">Grant, generation {generation}</h2>
      <table class="plain">
        <thead>
          <tr>
            <th scope="col">Fingerprint</th>
            <th scope="col">Current</th>
            <th scope="col">Previous</th>
            <th scope="col">
              <span class="hidden">Same or changed</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.map(([name, now, before]) => (
            <tr>
              <th scope="row">{name}</th>
              <td data-label="Current">
                <Fingerprint value={now} />
              </td>
              <td data-label="Previous">
                <Fingerprint value={before ?? null} />
              </td>
              <td>{before !== undefined && <SameOrChanged same={now === before} />}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <p class="muted">
        {current.attemptId === null ? 'Entered' : 'Issued by the provider'}{' '}
        <Moment at={new Date(current.obtainedAt)} />.
        {fallback === null ? '' : ' A fallback token is stored.'}
        {current.scopes.length > 0 && (
          <span class="detail">Scopes: {current.scopes.join(' ')}</span>
        )}
      </p>
    </section>
  );
}

function sentenceCase(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}

function Fingerprint({ value }: { value: string | null }) {
  return value === null ? <>–</> : <Copyable text={value} of="the fingerprint" />;
}

function SameOrChanged({ same }: { same: boolean }) {
  return same ? <Badge tone="plain">Same</Badge> : <Badge tone="plain">Changed</Badge>;
}

function Policy({ account: { policy } }: { account: Account }) {
  const own = Object.entries(policy === null ? {} : policyBody(policy));
  return (
    <section class="card" aria-labelledby="policy-title">
      <h2 id="policy-title">Policy overrides</h2>
      {own.length === 0 ? (
        <p class="muted">None. The provider’s policy in providers.yaml applies.</p>
      ) : (
        <dl class="facts">
          {own.map(([name, value]) => (
            <>
              <dt>{words(name)}</dt>
              <dd>{String(value)}</dd>
            </>
          ))}
        </dl>
      )}
    </section>
  );
}

function Attempts({ attempts }: { attempts: LogEntry[] }) {
  return (
    <section aria-labelledby="attempts-title">
      <h2 id="attempts-title">Latest attempts</h2>
      {attempts.length === 0 ? (
        <p class="empty">{noneYet('attempts')}</p>
      ) : (
        <table class="rows">
          <thead>
            <tr>
              <th scope="col">When</th>
              <th scope="col">Action</th>
              <th scope="col">Source</th>
              <th scope="col">Result</th>
              <th scope="col">Duration</th>
            </tr>
          </thead>
          <tbody>
            {attempts.map((entry) => (
              <tr>
                <th scope="row">
                  <a href={`/admin/terminal?entry=${encodeURIComponent(entry.id)}`}>
                    <Moment at={new Date(entry.created_at)} />
                  </a>
                </th>
                <td data-label="Action">
                  <Badge tone={entry.error === null ? 'good' : 'bad'}>{words(entry.action)}</Badge>
                </td>
                <td data-label="Source">{entry.source}</td>
                <td data-label="Result">
                  <Result entry={entry} />
                </td>
                <td data-label="Duration">
                  {entry.response === null ? '–' : duration(entry.response.duration_ms)}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}

/** A failure by its code: the top of the page has the sentence. */
function Result({ entry: { error, message } }: { entry: LogEntry }) {
  if (error === null) return <>{message}</>;
  return (
    <>
      <span class="bad">{words(error.code)}</span>
      {error.detail !== undefined && <span class="detail">“{error.detail}”</span>}
    </>
  );
}

function WorkflowList({ workflows }: { workflows: Workflows | string }) {
  return (
    <section aria-labelledby="workflows-title">
      <h2 id="workflows-title">Workflows</h2>
      {typeof workflows === 'string' ? (
        <p class="empty">{workflows}</p>
      ) : workflows.length === 0 ? (
        <p class="empty">{noneYet('workflows')}</p>
      ) : (
        <table class="rows">
          <thead>
            <tr>
              <th scope="col">Workflow</th>
              <th scope="col">Outcome</th>
              <th scope="col">Started</th>
              <th scope="col">Duration</th>
            </tr>
          </thead>
          <tbody>
            {workflows.map((workflow) => (
              <tr>
                <th scope="row">
                  <a href={workflowPath(workflow)}>{workflow.workflowId.split('/', 1)[0]}</a>
                  <span class="detail">{workflow.source}</span>
                </th>
                <td data-label="Outcome">
                  <WorkflowOutcome {...workflow} />
                </td>
                <td data-label="Started">
                  <Moment at={workflow.startedAt} />
                </td>
                <td data-label="Duration">{durationOf(workflow)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}
