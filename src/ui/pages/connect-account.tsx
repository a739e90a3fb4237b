/** The form with which an admin makes a link for a new account, and the notice that shows a link once. */
import type { ConnectSession } from '../../domain/connect/connect-session';
import { EMPTY_FORM, type FormState } from '../form';
import { CopyButton } from '../parts/copy';
import { Field, Form, Select } from '../parts/form';
import { Moment } from '../parts/time';
import { NEW_ACCOUNT_PATH, NewLabel } from './account-form';
import { ACCOUNTS_PATH } from './accounts';
import { CONNECT_SETTINGS_PATH } from './connect-settings';

export const CONNECT_ACCOUNT_PATH = `${ACCOUNTS_PATH}/connect`;

/** A provider with a consent flow. */
export interface ConnectableProvider {
  id: string;
  environments: string[];
  /** The person who states the external id, if one is needed. The owner states it only if the admin does not. */
  externalId: 'admin' | 'owner' | 'none';
}

interface ConnectAccountProps {
  providers: readonly ConnectableProvider[];
  state?: FormState;
}

export function ConnectAccount({ providers, state = EMPTY_FORM }: ConnectAccountProps) {
  if (providers.length === 0) {
    return (
      <p>
        No configured provider has an authorization endpoint. Add one in <code>providers.yaml</code>
        , or <a href={NEW_ACCOUNT_PATH}>add the account with its refresh token</a>.
      </p>
    );
  }
  const environments = [...new Set(providers.flatMap((one) => one.environments))].toSorted();
  const idsOf = (from: ConnectableProvider['externalId']) =>
    providers.filter(({ externalId }) => externalId === from).map(({ id }) => id);
  const [owner, none] = [idsOf('owner'), idsOf('none')];
  const hints = [
    'The name of the account at the provider.',
    owner.length === 0 ? [] : `For ${owner.join(', ')}, you may leave it to the owner.`,
    none.length === 0
      ? []
      : `For ${none.join(', ')}, you may leave it empty: the provider names the account.`,
  ].flat();
  return (
    <>
      <p>
        Evergrant makes a link. The owner of the account opens it, signs in at the provider and
        gives consent. No token passes through your hands. If you have a refresh token already,{' '}
        <a href={NEW_ACCOUNT_PATH}>add the account with it</a>. The page that the owner sees has
        your <a href={CONNECT_SETTINGS_PATH}>name and logo</a>.
      </p>
      <Form action={CONNECT_ACCOUNT_PATH} state={state} submit="Make a link" back={ACCOUNTS_PATH}>
        <Select
          name="provider"
          label="Provider"
          required
          state={state}
          options={providers.map(({ id }) => [id, id])}
        />
        <Select
          name="environment"
          label="Environment"
          state={state}
          options={[['', 'default'], ...environments.map((name) => [name, name] as const)]}
        />
        <Field
          name="external_id"
          label="External id"
          state={state}
          maxLength={200}
          hint={hints.join(' ')}
        />
        <NewLabel state={state} />
      </Form>
    </>
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
