/** The form with which an admin makes a link for a new account, and the notice that shows a link once. */
import type { ConnectSession } from '../../domain/connect/connect-session';
import type { ConsentInput } from '../../providers/consent/consent';
import { CopyButton } from '../parts/copy';
import { Moment } from '../parts/time';
import { Act } from './account-actions';
import { ACCOUNTS_PATH } from './accounts';
import { CONNECT_SETTINGS_PATH } from './connect-settings';

export const CONNECT_ACCOUNT_PATH = `${ACCOUNTS_PATH}/connect`;

/** A provider with a consent flow. */
export interface ConnectableProvider {
  id: string;
  environments: string[];
  inputs: readonly ConsentInput[];
}

export function ConnectAccount({ providers }: { providers: readonly ConnectableProvider[] }) {
  if (providers.length === 0) {
    return (
      <p>
        No configured provider has an authorization endpoint. Add one in <code>providers.yaml</code>
        , or connect the account with its refresh token: <code>evergrant accounts add</code>.
      </p>
    );
  }
  const environments = [...new Set(providers.flatMap((one) => one.environments))].toSorted();
  const entered = providers.filter(({ inputs }) => inputs.some(({ isExternalId }) => isExternalId));
  return (
    <div class="sign-in">
      <p>
        Evergrant makes a link. The owner of the account opens it, signs in at the provider and
        gives consent. No token passes through your hands. The page that the owner sees has your{' '}
        <a href={CONNECT_SETTINGS_PATH}>name and logo</a>.
      </p>
      <Act action={CONNECT_ACCOUNT_PATH}>
        <label>
          Provider
          <select name="provider" required>
            {providers.map(({ id }) => (
              <option value={id}>{id}</option>
            ))}
          </select>
        </label>
        <label>
          Environment
          <select name="environment">
            <option value="">default</option>
            {environments.map((name) => (
              <option value={name}>{name}</option>
            ))}
          </select>
        </label>
        <label>
          External id
          <input name="external_id" maxlength={200} autocomplete="off" />
        </label>
        <p class="muted">
          The name of the account at the provider.
          {entered.length > 0 &&
            ` For ${entered.map(({ id }) => id).join(', ')}, you may leave it to the owner.`}
        </p>
        <label>
          Label
          <input name="label" maxlength={200} autocomplete="off" />
        </label>
        <button class="primary">Make a link</button>
      </Act>
    </div>
  );
}

/** Only this response contains the link. */
export function LinkNotice({ url, session }: { url: string; session: ConnectSession }) {
  return (
    <div class="notice good" role="status">
      <p>
        Give this link to the owner of the account. It is good for one consent until{' '}
        <Moment at={session.expiresAt} />, and is not shown again.
      </p>
      <p>
        <a href={url} target="_blank" rel="noreferrer">
          <code>{url}</code>
        </a>{' '}
        <CopyButton text={url} of="the link" />
      </p>
    </div>
  );
}
