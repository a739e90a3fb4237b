/** One account: the page, its live fragment, and the actions of admins. */
import type { Child } from 'hono/jsx';
import type { z } from 'zod';
import { type Account, AccountState } from '../../domain/account/account';
import { holdsCredentials } from '../../domain/account/grant-type';
import { isFinished } from '../../domain/connect/stored-tokens';
import { ServiceError } from '../../domain/service-error';
import { publicOrigin, shownOrigin } from '../../http/public-origin';
import { parseObject } from '../../providers/exchange/answer-members';
import { callerName } from '../../services/access/authenticator';
import { AccountPatchBody, changeAccount } from '../../services/accounts/change-account';
import {
  CredentialsInput,
  type EnteredCredentials,
} from '../../services/accounts/credentials-input';
import { GrantInput } from '../../services/accounts/grant-input';
import { restoreGrant } from '../../services/accounts/reconnect';
import { refreshableAccount } from '../../services/accounts/refreshable-account';
import { createReconnectSession } from '../../services/connect/create-session';
import { disconnect, revocationNotice } from '../../services/connect/disconnect';
import type { UiDependencies } from '../dependencies';
import { answerDone } from '../done';
import type { Done, UiApp, UiContext } from '../env';
import { formFields, parsedForm, warningSentence } from '../form';
import { isFragment } from '../guard';
import { showPage } from '../layout';
import { addressOf } from '../list-query';
import { liveFragment } from '../live';
import { markup } from '../markup';
import { AccountCommands, AccountDetails, findAccount, loadAccount } from '../pages/account';
import { AccountDialogs } from '../pages/account-actions';
import { ACCOUNTS_PATH, accountPath } from '../pages/accounts';
import { LinkNotice } from '../pages/connect-account';
import { Notice } from '../parts/notice';
import { RefreshOutcome, ValidationNotice } from '../parts/refresh-outcome';
import { mayAct } from '../permissions';
import { TOKEN_ACCESSES_PATH } from './token-accesses';

const ACCOUNT = `${ACCOUNTS_PATH}/:id` as const;

export function registerAccount(ui: UiApp, deps: UiDependencies): void {
  const { logger, providers } = deps;
  const load = (c: UiContext) => loadAccount(deps, c.get('session').organisation, idOf(c));

  ui.get(ACCOUNT, async (c) => {
    const view = await load(c);
    const acts = mayAct(c.get('session'));
    const path = accountPath(view.account.id);
    return showPage(
      c,
      { title: view.account.label, section: ACCOUNTS_PATH, live: true },
      <>
        <div class="toolbar">
          <a
            class="button"
            href={`/admin/terminal?account_id=${encodeURIComponent(view.account.id)}`}
          >
            Log entries
          </a>
          {acts && (
            <a class="button" href={addressOf(TOKEN_ACCESSES_PATH, { account: view.account.id })}>
              Token accesses
            </a>
          )}
          <AccountCommands
            account={view.account}
            origin={shownOrigin(c, deps.publicUrl)}
            mayAct={acts}
          />
        </div>
        <div id="account" hx-sse:connect={`${path}/stream`} hx-swap="innerMorph">
          <AccountDetails view={view} mayAct={acts} />
        </div>
        {acts && (
          <AccountDialogs
            account={view.account}
            hasConsent={hasConsent(deps, view.account)}
            revocationEffect={revocationNotice(providers, view.account).effect}
          />
        )}
      </>,
    );
  });

  ui.get(`${ACCOUNT}/stream`, async (c) => {
    // Before the stream begins, so that an absent account gives a 404.
    await findAccount(deps, c.get('session').organisation, idOf(c));
    return liveFragment(c, deps, async () => (
      <AccountDetails view={await load(c)} mayAct={mayAct(c.get('session'))} />
    ));
  });

  ui.post(`${ACCOUNT}/refresh`, (c) => refresh(c, deps, { force: false }));
  ui.post(`${ACCOUNT}/validate`, (c) => validate(c, deps));
  ui.post(`${ACCOUNT}/force-refresh`, (c) => refresh(c, deps, { force: true }));

  /** Changes the account and responds with a notice. The live fragment then shows the change. */
  const change = async (
    c: UiContext,
    done: string,
    patch: z.infer<typeof AccountPatchBody>,
    undo?: (before: Account) => Done['undo'],
  ) => {
    const caller = callerOf(c);
    const { organisation, keyId } = caller;
    const before = await findAccount(deps, organisation, idOf(c));
    const { account, warnings } = await changeAccount(deps, caller, before.id, patch);
    logger.info({ organisation, account_id: account.id, key_id: keyId }, `account ${done}`);
    const path = accountPath(account.id);
    return answerDone(c, deps, path, {
      text: `${account.label} is ${done}.`,
      warnings,
      undo: undo?.(before),
    });
  };
  ui.post(`${ACCOUNT}/disable`, async (c) => {
    const reason = await field(c, 'reason');
    const patch = parsedForm(AccountPatchBody, {
      disabled: true,
      ...(reason === '' ? {} : { reason }),
    });
    return change(c, 'disabled', patch, acts('enable'));
  });
  ui.post(`${ACCOUNT}/enable`, (c) =>
    change(c, 'enabled', { disabled: false }, (before) =>
      before.state === AccountState.disabled
        ? acts('disable', { reason: before.stateReason ?? '' })(before)
        : undefined,
    ),
  );
  ui.post(`${ACCOUNT}/release`, (c) =>
    change(c, 'released from quarantine', { quarantine: false }, acts('quarantine')),
  );
  ui.post(`${ACCOUNT}/quarantine`, (c) =>
    change(c, 'in quarantine', { quarantine: true }, acts('release')),
  );
  ui.post(`${ACCOUNT}/reconnect`, async (c) => {
    const before = await findAccount(deps, c.get('session').organisation, idOf(c));
    const given = holdsCredentials(before.grantType)
      ? { credentials: credentialsIn(await field(c, 'credentials')) }
      : { refresh_token: refreshTokenIn(await field(c, 'refresh_token')) };
    if (before.quarantine || isFinished(before)) {
      const why = before.quarantine ? 'it is in quarantine' : 'it was disconnected';
      return change(c, `reconnected without a test, because ${why}`, given);
    }
    const { account, warnings } = await changeAccount(deps, callerOf(c), before.id, given);
    return answer(
      c,
      <>
        <ReconnectNotice account={account} done={`${account.label} is reconnected.`} />
        {warnings.length > 0 && (
          <Notice kind="note">
            {warnings.map((warning) => `Warning: ${warningSentence(warning)}`).join(' ')}
          </Notice>
        )}
      </>,
    );
  });
  ui.post(`${ACCOUNT}/reconnect-link`, async (c) => {
    const { organisation, keyId } = c.get('session');
    const origin = publicOrigin(c, deps.publicUrl);
    const { session, token } = await createReconnectSession(
      deps,
      { organisation, accountId: idOf(c), createdBy: keyId },
      {},
    );
    const url = new URL(`/connect/${token}`, origin).href;
    return shownOnce(c, `Reconnect ${session.label ?? session.accountId}`, { url, session });
  });
  ui.post(`${ACCOUNT}/disconnect`, async (c) => {
    const { organisation, keyId } = c.get('session');
    const { id, label } = await findAccount(deps, organisation, idOf(c));
    await disconnect(deps, organisation, id, callerName(keyId));
    const sentence = `${label} is being disconnected. The page shows the result per token.`;
    return answer(c, <Notice kind="good">{sentence}</Notice>);
  });
  ui.post(`${ACCOUNT}/restore-grant`, async (c) => {
    const session = c.get('session');
    const account = await findAccount(deps, session.organisation, idOf(c));
    const restored = await restoreGrant(deps, account, {
      source: 'admin',
      caller: callerName(session.keyId),
    });
    const done = `${account.label} uses its replaced grant again.`;
    return answer(c, <ReconnectNotice account={restored} done={done} />);
  });
}

/** @throws {ServiceError} */
function refreshTokenIn(entered: string): string | undefined {
  const parsed = GrantInput.shape.refresh_token.safeParse(entered);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(({ message }) => message).join('; ');
  throw new ServiceError(
    'invalid_request',
    `refresh_token: the new refresh token cannot be used: ${problems}`,
  );
}

/** @throws {ServiceError}; its message quotes nothing, because the text contains secrets */
function credentialsIn(entered: string): EnteredCredentials {
  const parsed = CredentialsInput.safeParse(parseObject(entered));
  if (parsed.success) return parsed.data;
  throw new ServiceError(
    'invalid_request',
    'credentials: must be a JSON object with the members of the API, or a key file of Google.',
  );
}

/** The form of another action on the account. */
const acts = (action: string, fields?: Record<string, string>) => (account: Account) => ({
  action: `${accountPath(account.id)}/${action}`,
  ...(fields === undefined ? {} : { fields }),
});

function callerOf(c: UiContext) {
  const { organisation, keyId } = c.get('session');
  return { organisation, keyId, source: 'admin' } as const;
}

/** A link is shown in the response itself: a redirect would lose it. */
export async function shownOnce(
  c: UiContext,
  title: string,
  link: Parameters<typeof LinkNotice>[0],
): Promise<Response> {
  const notice = <LinkNotice {...link} />;
  return isFragment(c)
    ? c.html(await markup(notice))
    : showPage(c, { title, section: ACCOUNTS_PATH, narrow: true }, notice);
}

/** The result of a reconnect or restore. A refusal is thrown as an error instead. */
function ReconnectNotice({ account, done }: { account: Account; done: string }) {
  const { label, candidate } = account;
  if (candidate === null) return <Notice kind="good">{done}</Notice>;
  const reason = candidate.lastFailure?.message ?? 'The new grant is not tested yet.';
  return <Notice kind="note">{`${label} keeps its current grant. ${reason}`}</Notice>;
}

/** Refreshes the account for the signed-in person, and reports the outcome. */
export async function refresh(
  c: UiContext,
  { store, refreshes, now }: UiDependencies,
  { force, debug = false }: { force: boolean; debug?: boolean },
): Promise<Response> {
  // Read first: an attempt that finishes later counts as the response to this request.
  const requestedAt = now().toISOString();
  const session = c.get('session');
  const outcome = await refreshes.refresh(await refreshableAccount(store, session, idOf(c)), {
    source: debug ? 'debug' : 'admin',
    caller: callerName(session.keyId),
    requestedAt,
    force,
    capture: debug,
  });
  return answer(c, <RefreshOutcome outcome={outcome} />);
}

/** Asks the provider whether the access token works, and reports its verdict. */
async function validate(c: UiContext, { store, refreshes }: UiDependencies): Promise<Response> {
  const session = c.get('session');
  const outcome = await refreshes.validate(await refreshableAccount(store, session, idOf(c)), {
    source: 'admin',
    caller: callerName(session.keyId),
    capture: true,
  });
  return answer(c, <ValidationNotice outcome={outcome} />);
}

/** Responds with a notice, or, if scripts are off, with a redirect to the page. */
async function answer(c: UiContext, notice: Child): Promise<Response> {
  if (isFragment(c)) return c.html(await markup(notice));
  const page = c.req.path.endsWith('/refresh-debug') ? c.req.path : accountPath(idOf(c));
  return c.redirect(page, 303);
}

/** Whether a link can reconnect the account. */
function hasConsent(
  { providers, consent }: Pick<UiDependencies, 'providers' | 'consent'>,
  { provider: id, quarantine }: Account,
): boolean {
  const provider = providers.find(id);
  return provider !== undefined && !quarantine && consent.rulesOf(provider) !== null;
}

function idOf(c: UiContext): string {
  return c.req.param('id') ?? '';
}

async function field(c: UiContext, name: string): Promise<string> {
  const value = (await formFields(c))[name];
  return value?.trim() ?? '';
}
