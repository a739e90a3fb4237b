/** The forms with which an admin adds an account by its refresh token, and edits an account. */
import { createHash } from 'node:crypto';
import type { Account } from '../../domain/account/account';
import type { ConfiguredProviders } from '../../providers/config/configured-providers';
import { policyBody } from '../../services/accounts/account-policy';
import { providerValueNames } from '../../services/accounts/provider-values-input';
import { EMPTY_FORM, type FormState } from '../form';
import { Field, Form, Hidden, SecretField, Select, Switch } from '../parts/form';
import { ACCOUNTS_PATH, accountPath } from './accounts';

export const NEW_ACCOUNT_PATH = `${ACCOUNTS_PATH}/new`;

interface NewAccountProps {
  providers: ConfiguredProviders;
  state?: FormState;
}

export function NewAccountForm({ providers, state = EMPTY_FORM }: NewAccountProps) {
  const environments = [
    ...new Set(providers.all.flatMap((one) => [...one.environments.keys()])),
  ].toSorted();
  const kept = providers.all.flatMap(({ id, adapter }) => {
    const names = providerValueNames(adapter);
    return names.length === 0 ? [] : [`${id}: ${names.join(', ')}`];
  });
  return (
    <>
      <p>
        Evergrant encrypts the tokens before it stores them, and never shows them again. If the
        owner of the account can sign in at the provider,{' '}
        <a href={`${ACCOUNTS_PATH}/connect`}>make a link instead</a>. For many accounts,{' '}
        <a href={`${ACCOUNTS_PATH}/import`}>import a file</a>.
      </p>
      <Form action={NEW_ACCOUNT_PATH} state={state} submit="Add the account" back={ACCOUNTS_PATH}>
        <Select
          name="provider"
          label="Provider"
          required
          state={state}
          options={providers.all.map(({ id }) => [id, id])}
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
          required
          state={state}
          maxLength={200}
          hint="The id of the account at the provider, exactly as the provider writes it."
        />
        <SecretField
          name="refresh_token"
          label="Refresh token"
          required
          state={state}
          hint="As the provider issued it: not encrypted, not URL-encoded, without quotes."
        />
        <NewLabel state={state} />
        <MoreOfAccount state={state} />
        <details
          class="more"
          {...isOpen(state, [
            'access_token',
            'expires_at',
            'refresh_token_expires_at',
            'provider_values',
            'quarantine',
          ])}
        >
          <summary>Tokens and quarantine</summary>
          <SecretField
            name="access_token"
            label="Access token"
            state={state}
            hint="Without it, the account is refreshed at once."
          />
          <Field
            name="expires_at"
            label="Access token expires"
            state={state}
            placeholder="2026-12-01T12:00:00Z"
          />
          <Field
            name="refresh_token_expires_at"
            label="Refresh token expires"
            state={state}
            placeholder="2027-12-01T12:00:00Z"
          />
          {kept.length > 0 && (
            <Field
              name="provider_values"
              label="Values of the provider"
              state={state}
              placeholder='{"instance_url": "https://example.my.salesforce.com"}'
              hint={`The values that a consent keeps beside the tokens, as a JSON object. Names: ${kept.join('; ')}.`}
            />
          )}
          <Switch
            name="quarantine"
            label="Quarantine"
            state={state}
            hint="Another system still refreshes this account. Evergrant serves its token, and does not refresh it until you release it."
          />
        </details>
        <Policy state={state} />
      </Form>
    </>
  );
}

interface EditAccountProps {
  account: Account;
  state?: FormState;
}

export function EditAccountForm({ account, state = EMPTY_FORM }: EditAccountProps) {
  const path = accountPath(account.id);
  return (
    <Form action={`${path}/edit`} state={state} submit="Save" back={path}>
      <Field
        name="label"
        label="Label"
        required
        state={state}
        value={account.label}
        maxLength={200}
      />
      <MoreOfAccount state={state} account={account} />
      <Policy state={state} account={account} />
      <Hidden name="shown" values={[editableDigest(account)]} />
    </Form>
  );
}

/** A digest of what the form changes, by which a save notices a newer change by another person. */
export function editableDigest({ label, kind, policy }: Account): string {
  return createHash('sha256')
    .update(JSON.stringify([label, kind, policy]))
    .digest('base64url');
}

/** The label of an account that does not exist yet. */
export function NewLabel({ state }: { state: FormState }) {
  return (
    <Field
      name="label"
      label="Label"
      state={state}
      maxLength={200}
      hint="The name that people see. Default: the external id."
    />
  );
}

function MoreOfAccount({ state, account }: { state: FormState; account?: Account }) {
  const masked = account?.ownerEmail?.masked;
  return (
    <>
      <Field
        name="kind"
        label="Kind"
        state={state}
        value={account?.kind ?? ''}
        maxLength={64}
        hint="Separates accounts of the same owner, such as booking and payment."
      />
      <Field
        name="owner_email"
        label="E-mail address of the owner"
        type="email"
        state={state}
        hint={
          masked === undefined
            ? 'Gets a reconnect link if the account needs a reconnect. Stored encrypted, and shown masked.'
            : `Now ${masked}. Leave this empty to keep it.`
        }
      />
      {masked !== undefined && (
        <Switch name="remove_owner_email" label="Remove the address of the owner" state={state} />
      )}
    </>
  );
}

const POLICY = [
  ['refresh_before', 'Refresh before expiry', 'Such as 15m.'],
  ['refresh_after_age', 'Refresh at the latest after', 'Such as 1h, or never.'],
  ['jitter', 'Jitter', 'Spreads the refreshes of many accounts. Such as 5m, or none.'],
  ['back_off_first', 'First pause after a failure', 'Such as 10s.'],
  ['back_off_max', 'Longest pause after failures', 'Such as 1h.'],
  ['validate_every', 'Validate every', 'Such as 30m, sweep or never.'],
] as const;

function Policy({ state, account }: { state: FormState; account?: Account }) {
  const stored = account?.policy ? policyBody(account.policy) : {};
  const names = POLICY.map(([name]) => `policy.${name}`);
  return (
    <details
      class="more"
      {...(Object.keys(stored).length > 0
        ? { open: true }
        : isOpen(state, [...names, 'policy.enabled']))}
    >
      <summary>Policy of this account</summary>
      <p class="detail">An empty field means the policy of the provider.</p>
      <Select
        name="policy.enabled"
        label="Refreshed by sweeps"
        state={state}
        value={stored.enabled === undefined ? '' : String(stored.enabled)}
        options={[
          ['', 'as the provider'],
          ['true', 'yes'],
          ['false', 'no, only on request and on use'],
        ]}
      />
      {POLICY.map(([name, label, hint]) => (
        <Field
          name={`policy.${name}`}
          label={label}
          hint={hint}
          state={state}
          value={stored[name] ?? ''}
        />
      ))}
    </details>
  );
}

/** A folded part with a value or a problem is shown open. */
function isOpen(state: FormState, names: readonly string[]) {
  const isUsed = names.some(
    (name) => state.problems.has(name) || (state.values[name] ?? []).some((value) => value !== ''),
  );
  return isUsed ? { open: true } : {};
}
