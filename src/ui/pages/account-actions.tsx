/** The actions of an admin on an account: buttons, and the dialogs that ask for confirmation. */
import type { PropsWithChildren } from 'hono/jsx';
import { type Account, AccountState, isOutOfService } from '../../domain/account/account';
import { holdsCredentials } from '../../domain/account/grant-type';
import { isFinished } from '../../domain/connect/stored-tokens';
import { isBroken } from '../../domain/events/event';
import { Act } from '../parts/act';
import { Moment } from '../parts/time';
import { accountPath } from './accounts';

/**
 * In the live fragment, because the account's state decides which buttons are shown. The main action is first: reconnect,
 * enable, release or refresh, whichever the account needs.
 */
export function AccountActions({ account, isDue }: { account: Account; isDue: boolean }) {
  const { id, state, quarantine, replaced } = account;
  const path = accountPath(id);
  const isOff = isOutOfService(state);
  const isDisabled = state === AccountState.disabled;
  const isDisconnected = state === AccountState.disconnected;
  const isReconnectable = !isOff || isFinished(account);
  const mustReconnect = isReconnectable && (isBroken(state) || isDisconnected);
  const reconnect = (
    <Opens dialog="reconnect" primary={mustReconnect}>
      {holdsCredentials(account.grantType) ? 'New credentials …' : 'Reconnect …'}
    </Opens>
  );
  return (
    <div class="actions">
      {mustReconnect && reconnect}
      {(isDisabled || state === AccountState.inactive) && (
        <Act action={`${path}/enable`} id="act-enable">
          <button {...(isDisabled ? { class: 'primary' } : {})}>Enable</button>
        </Act>
      )}
      {quarantine && (
        <Act action={`${path}/release`} id="act-release">
          <button {...(isOff || mustReconnect ? {} : { class: 'primary' })}>
            Release from quarantine
          </button>
        </Act>
      )}
      {!isOff && !quarantine && (
        <>
          <Act action={`${path}/refresh`} id="act-refresh">
            <button {...(isDue && !mustReconnect ? { class: 'primary' } : {})}>
              Refresh if due
            </button>
          </Act>
          <Act action={`${path}/validate`} id="act-validate">
            <button>Validate</button>
          </Act>
          <Opens dialog="force-refresh">Force refresh …</Opens>
          <a class="button" href={`${path}/refresh-debug`}>
            Refresh (debug)
          </a>
        </>
      )}
      {isReconnectable && !mustReconnect && reconnect}
      {!isOff && !quarantine && replaced !== null && (
        <Opens dialog="restore-grant">Restore grant …</Opens>
      )}
      {!isOff && state !== AccountState.inactive && (
        <Opens dialog="disable" danger>
          Disable …
        </Opens>
      )}
      <a class="button" href={`${path}/edit`}>
        Edit
      </a>
      {!isDisconnected && !quarantine && (
        <Opens dialog="disconnect" danger>
          Disconnect …
        </Opens>
      )}
    </div>
  );
}

/** Outside the live fragment, whose updates would close the dialogs. */
export function AccountDialogs({
  account: { id, label, replaced, grantType },
  hasConsent,
  revocationEffect,
}: {
  account: Account;
  /** The effects of a revocation at the provider, in sentences. */
  revocationEffect: string;
  /** Whether a link can reconnect the account. */
  hasConsent: boolean;
}) {
  const path = accountPath(id);
  return (
    <>
      <Dialog id="force-refresh" title={`Refresh ${label} now?`}>
        <Act action={`${path}/force-refresh`}>
          <p>
            Evergrant sends the refresh token to the provider now, even if the account is not due.
            If the provider rotates refresh tokens, the current one becomes invalid.
          </p>
          <DialogButtons dialog="force-refresh">
            <button class="primary">Refresh now</button>
          </DialogButtons>
        </Act>
      </Dialog>
      <Dialog id="disable" title={`Disable ${label}?`}>
        <Act action={`${path}/disable`}>
          <p>
            Evergrant stops refreshing this account and serves no tokens for it. The stored tokens
            are kept, but the refresh token may expire in the meantime.
          </p>
          <label>
            Reason
            <input
              name="reason"
              maxlength={200}
              required
              placeholder="Why is this account being disabled?"
            />
          </label>
          <DialogButtons dialog="disable">
            <button class="danger">Disable</button>
          </DialogButtons>
        </Act>
      </Dialog>
      <Dialog id="disconnect" title={`Disconnect ${label}?`}>
        <Act action={`${path}/disconnect`}>
          <p>
            Evergrant stops refreshing this account, revokes its tokens at the provider, and then
            deletes them. The account keeps its history. To use it again, its owner must reconnect
            it.
          </p>
          <p>
            <strong>{revocationEffect}</strong>
          </p>
          <DialogButtons dialog="disconnect">
            <button class="danger">Disconnect</button>
          </DialogButtons>
        </Act>
      </Dialog>
      {holdsCredentials(grantType) ? (
        <CredentialsDialog label={label} path={path} />
      ) : (
        <Dialog id="reconnect" title={`Reconnect ${label}`}>
          {hasConsent && (
            <Act action={`${path}/reconnect-link`}>
              <p>
                Make a link for the account’s owner, who signs in at the provider and gives consent.
                The account keeps its current grant until the new one is stored.
              </p>
              <DialogButtons dialog="reconnect">
                <button class="primary">Make a link</button>
              </DialogButtons>
              <h3>Or enter a refresh token</h3>
            </Act>
          )}
          <Act action={`${path}/reconnect`}>
            <p>
              Ask the account’s owner to sign in at the provider and approve your application again.
              Then enter the new refresh token that your application receives. Evergrant tests it
              with one refresh and keeps the current grant until the new one works.
            </p>
            <label>
              New refresh token
              <input
                name="refresh_token"
                type="password"
                autocomplete="off"
                spellcheck={false}
                required
              />
            </label>
            <DialogButtons dialog="reconnect">
              <button {...(hasConsent ? {} : { class: 'primary' })}>Reconnect</button>
            </DialogButtons>
          </Act>
        </Dialog>
      )}
      <Dialog id="restore-grant" title={`Restore the replaced grant of ${label}?`}>
        <Act action={`${path}/restore-grant`}>
          <p>
            The last reconnect replaced this grant
            {replaced !== null && (
              <>
                {' '}
                <Moment at={replaced.at} />
              </>
            )}
            . If it has a refresh token, Evergrant tests it with one refresh. If it works, it
            becomes the current grant, and the current one is kept as the replaced grant.
          </p>
          <DialogButtons dialog="restore-grant">
            <button class="primary">Restore grant</button>
          </DialogButtons>
        </Act>
      </Dialog>
    </>
  );
}

function CredentialsDialog({ label, path }: { label: string; path: string }) {
  return (
    <Dialog id="reconnect" title={`New credentials of ${label}`}>
      <Act action={`${path}/reconnect`}>
        <p>
          Evergrant tests the credentials with one request and keeps the current ones until the new
          ones work. The grant type of the account stays.
        </p>
        <label>
          Credentials as JSON, as over the API, or the key file of a Google service account
          <textarea name="credentials" rows={6} autocomplete="off" spellcheck={false} required />
        </label>
        <DialogButtons dialog="reconnect">
          <button class="primary">Test and replace</button>
        </DialogButtons>
      </Act>
    </Dialog>
  );
}

function Opens({
  dialog,
  danger = false,
  primary = false,
  children,
}: PropsWithChildren<{ dialog: string; danger?: boolean; primary?: boolean }>) {
  return (
    <button
      type="button"
      {...{ command: 'show-modal', commandfor: dialog }}
      {...(danger || primary ? { class: danger ? 'danger' : 'primary' } : {})}
    >
      {children}
    </button>
  );
}

function Dialog({ id, title, children }: PropsWithChildren<{ id: string; title: string }>) {
  return (
    <dialog id={id} class="action" aria-labelledby={`${id}-title`}>
      <h2 id={`${id}-title`}>{title}</h2>
      {children}
    </dialog>
  );
}

function DialogButtons({ dialog, children }: PropsWithChildren<{ dialog: string }>) {
  return (
    <div class="actions">
      <button type="button" class="quiet" {...{ command: 'close', commandfor: dialog }}>
        Cancel
      </button>
      {children}
    </div>
  );
}
