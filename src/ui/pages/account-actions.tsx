/** What an admin may do with an account: its buttons, and the dialogs that ask first. */
import type { PropsWithChildren } from 'hono/jsx';
import { type Account, AccountState } from '../../domain/account';
import { accountPath } from './accounts';

/** Within the live part: which buttons there are follows from the account's state. */
export function AccountActions({ account }: { account: Account }) {
  const { id, state, quarantine } = account;
  const path = accountPath(id);
  const disabled = state === AccountState.disabled;
  return (
    <div class="actions">
      {quarantine && (
        <Act action={`${path}/release`} id="act-release">
          <button>Release from quarantine</button>
        </Act>
      )}
      {!disabled && !quarantine && (
        <>
          <Act action={`${path}/refresh`} id="act-refresh">
            <button>Refresh if due</button>
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
      <Opens dialog="connect-again">Connect again …</Opens>
      {disabled || state === AccountState.inactive ? (
        <Act action={`${path}/enable`} id="act-enable">
          <button>Enable</button>
        </Act>
      ) : (
        <Opens dialog="disable" danger>
          Disable …
        </Opens>
      )}
    </div>
  );
}

/** Outside the live part, which would close them. */
export function AccountDialogs({ account: { id, label } }: { account: Account }) {
  const path = accountPath(id);
  return (
    <>
      <Dialog id="force-refresh" title={`Refresh ${label} now?`}>
        <Act action={`${path}/force-refresh`}>
          <p>
            The refresh token is sent to the provider now, due or not. Where the provider rotates
            refresh tokens, the old one ends with it.
          </p>
          <DialogButtons dialog="force-refresh">
            <button class="primary">Refresh now</button>
          </DialogButtons>
        </Act>
      </Dialog>
      <Dialog id="disable" title={`Disable ${label}?`}>
        <Act action={`${path}/disable`}>
          <p>
            It is not refreshed any more, and no token of it is handed out. Its tokens stay stored,
            and its refresh token may end meanwhile.
          </p>
          <label>
            Reason
            <input name="reason" maxlength={200} required placeholder="For whoever finds it so" />
          </label>
          <DialogButtons dialog="disable">
            <button class="danger">Disable</button>
          </DialogButtons>
        </Act>
      </Dialog>
      <Dialog id="connect-again" title={`Connect ${label} again`}>
        <Act action={`${path}/reconnect`}>
          <p>
            Ask the account’s owner to sign in at the provider and to allow your application once
            more. Your application then receives a new refresh token: enter it here. It takes the
            place of the old one, is sealed at once and never shown again.
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
          <DialogButtons dialog="connect-again">
            <button class="primary">Connect again</button>
          </DialogButtons>
        </Act>
      </Dialog>
    </>
  );
}

/** A form that acts: its answer is a notice, or the account's page where no script runs. */
export function Act({ action, id, children }: PropsWithChildren<{ action: string; id?: string }>) {
  return (
    <form
      method="post"
      action={action}
      hx-post={action}
      hx-target="#notices"
      hx-disable="find button:not([type])"
      {...(id === undefined ? {} : { id })}
    >
      {children}
    </form>
  );
}

function Opens({
  dialog,
  danger,
  children,
}: PropsWithChildren<{ dialog: string; danger?: boolean }>) {
  return (
    <button
      type="button"
      {...{ command: 'show-modal', commandfor: dialog }}
      {...(danger === true ? { class: 'danger' } : {})}
    >
      {children}
    </button>
  );
}

function Dialog({ id, title, children }: PropsWithChildren<{ id: string; title: string }>) {
  return (
    <dialog id={id} class="asks" aria-labelledby={`${id}-title`}>
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
