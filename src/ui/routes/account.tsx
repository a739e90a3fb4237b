/** One account: the page, its live part and what an admin does there. */
import type { Child } from 'hono/jsx';
import { callerName } from '../../api/authenticator';
import { ApiError, notFound } from '../../api/errors';
import { GrantInput, sealedGrantOf } from '../../api/grant-input';
import { refreshableAccount } from '../../api/refreshable-account';
import { type Account, AccountState } from '../../domain/account';
import type { AccountPatch } from '../../store/accounts';
import type { UiApp, UiContext, UiDependencies } from '../dependencies';
import { isFragment, mayAct } from '../guard';
import { showPage } from '../layout';
import { liveFragment } from '../live';
import { AccountDetails, findAccount, loadAccount } from '../pages/account';
import { AccountDialogs } from '../pages/account-actions';
import { ACCOUNTS_PATH, accountPath } from '../pages/accounts';
import { Notice } from '../parts/notice';
import { RefreshOutcome, ValidationNotice } from '../parts/refresh-outcome';

const ACCOUNT = `${ACCOUNTS_PATH}/:id` as const;
const REASON_MAX_CHARACTERS = 200;

export function registerAccount(ui: UiApp, deps: UiDependencies): void {
  const { logger, now, providers, store, vault } = deps;
  const load = (c: UiContext) => loadAccount(deps, c.get('session').organisation, idOf(c));

  ui.get(ACCOUNT, async (c) => {
    const view = await load(c);
    const acts = mayAct(c.get('session'));
    const path = accountPath(view.account.id);
    return showPage(
      c,
      { title: view.account.label, section: ACCOUNTS_PATH, live: true },
      <>
        <div id="account" hx-sse:connect={`${path}/stream`} hx-swap="innerMorph">
          <AccountDetails view={view} mayAct={acts} />
        </div>
        {acts && <AccountDialogs account={view.account} />}
      </>,
    );
  });

  ui.get(`${ACCOUNT}/stream`, async (c) => {
    // Before the stream begins: what is not there is answered as a page would be.
    await findAccount(deps, c.get('session').organisation, idOf(c));
    return liveFragment(c, deps, async () => (
      <AccountDetails view={await load(c)} mayAct={mayAct(c.get('session'))} />
    ));
  });

  ui.post(`${ACCOUNT}/refresh`, (c) => refresh(c, deps, { force: false }));
  ui.post(`${ACCOUNT}/validate`, (c) => validate(c, deps));
  ui.post(`${ACCOUNT}/force-refresh`, (c) => refresh(c, deps, { force: true }));

  /** Changes the account and says so; the page shows it at its next look. */
  const change = async (
    c: UiContext,
    said: string,
    patchOf: (account: Account, at: Date) => AccountPatch,
  ) => {
    const { organisation, keyId } = c.get('session');
    const at = now();
    const account = await findAccount(deps, organisation, idOf(c));
    const changed = await store.accounts.patch(organisation, account.id, patchOf(account, at), at);
    if (changed === null) throw notFound(`account ${account.id}`);
    logger.info({ organisation, account_id: account.id, key_id: keyId }, `account ${said}`);
    return answer(c, <Notice kind="good">{`${account.label} is ${said}.`}</Notice>);
  };

  ui.post(`${ACCOUNT}/disable`, async (c) => {
    const reason = await field(c, 'reason');
    if (reason.length > REASON_MAX_CHARACTERS)
      throw new ApiError('invalid_request', `The reason is longer than ${REASON_MAX_CHARACTERS}.`);
    const stateReason = reason === '' ? 'Disabled by an admin.' : reason;
    return change(c, 'disabled', () => ({ state: AccountState.disabled, stateReason }));
  });
  ui.post(`${ACCOUNT}/enable`, (c) =>
    change(c, 'enabled', () => ({ state: AccountState.active, stateReason: null })),
  );
  ui.post(`${ACCOUNT}/release`, (c) =>
    change(c, 'released: it is refreshed as its clocks say', () => ({ quarantine: false })),
  );
  ui.post(`${ACCOUNT}/reconnect`, async (c) => {
    const parsed = GrantInput.shape.refresh_token.safeParse(await field(c, 'refresh_token'));
    if (!parsed.success) {
      const problems = parsed.error.issues.map(({ message }) => message).join('; ');
      throw new ApiError('invalid_request', `The new refresh token: ${problems}`);
    }
    const { provider } = await findAccount(deps, c.get('session').organisation, idOf(c));
    const adapter = providers.find(provider)?.adapter;
    if (adapter === undefined)
      throw new ApiError('conflict', `The provider "${provider}" is not configured.`);
    return change(c, 'connected again: it is due now', ({ organisation, id }, at) => ({
      state: AccountState.active,
      stateReason: null,
      grant: sealedGrantOf(
        { refresh_token: parsed.data },
        { adapter, vault, place: { organisation, accountId: id }, now: at },
      ),
    }));
  });
}

/** Refreshes the path's account for the person who asks, and says how it ended. */
export async function refresh(
  c: UiContext,
  { store, refreshes, now }: UiDependencies,
  { force, debug = false }: { force: boolean; debug?: boolean },
): Promise<Response> {
  // Before anything else: an attempt that ends after this moment answers this request.
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

/** Asks the provider whether the access token works, and says what it says. */
async function validate(c: UiContext, { store, refreshes }: UiDependencies): Promise<Response> {
  const session = c.get('session');
  const outcome = await refreshes.validate(await refreshableAccount(store, session, idOf(c)), {
    source: 'admin',
    caller: callerName(session.keyId),
    capture: true,
  });
  return answer(c, <ValidationNotice outcome={outcome} />);
}

/** A notice on the page that asked, or without script that page anew, which shows what has changed. */
async function answer(c: UiContext, notice: Child): Promise<Response> {
  if (isFragment(c)) return c.html(<>{notice}</>);
  const page = c.req.path.endsWith('/refresh-debug') ? c.req.path : accountPath(idOf(c));
  return c.redirect(page, 303);
}

function idOf(c: UiContext): string {
  return c.req.param('id') ?? '';
}

async function field(c: UiContext, name: string): Promise<string> {
  const value = (await c.req.parseBody())[name];
  return typeof value === 'string' ? value.trim() : '';
}
