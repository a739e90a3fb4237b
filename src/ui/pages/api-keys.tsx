/** Admin → API keys: the form of a new key, and one key with its actions. */
import { BOUND_MAX_CHARACTERS, BOUNDS_MAX } from '../../domain/access/account-bounds';
import { SCOPES, type Scope } from '../../domain/access/principal';
import type { ApiKey } from '../../store/access/api-keys';
import { EMPTY_FORM, type FormState } from '../form';
import { Badge } from '../parts/badge';
import { Confirm, ConfirmButton } from '../parts/confirm';
import { Checkboxes, Field, Form, TextArea } from '../parts/form';
import { Notice } from '../parts/notice';
import { Moment } from '../parts/time';

export const KEYS_PATH = '/admin/keys';
export const NEW_KEY_PATH = `${KEYS_PATH}/new`;

export function keyPath(id: string): string {
  return `${KEYS_PATH}/${encodeURIComponent(id)}`;
}

const SCOPE_HINTS: Record<Scope, string> = {
  admin: 'Changes accounts, keys and webhooks. Includes read and connect.',
  read: 'Shows accounts and log entries, without tokens.',
  tokens: 'Gets access tokens. Give each application its own key.',
  connect: 'Makes links with which owners connect accounts.',
  internal: 'Triggers refreshes of all organisations, for other systems of yours.',
  operator: 'Changes schedules and sweeps, which serve all organisations.',
};

interface ScopeChoiceProps {
  scopes: readonly Scope[];
  state: FormState;
}

function ScopeChoice({ scopes, state }: ScopeChoiceProps) {
  return (
    <Checkboxes
      name="scopes"
      label="Scopes"
      required
      state={state}
      choices={scopes.map((scope) => ({ value: scope, label: scope, hint: SCOPE_HINTS[scope] }))}
    />
  );
}

interface NewKeyProps {
  /** The scopes that the person may give. */
  scopes: readonly Scope[];
  providers: readonly string[];
  state?: FormState;
}

export function NewKeyForm({ scopes, providers, state = EMPTY_FORM }: NewKeyProps) {
  return (
    <Form action={NEW_KEY_PATH} state={state} submit="Create the key" back={KEYS_PATH}>
      <Field
        name="name"
        label="Name"
        required
        state={state}
        maxLength={100}
        hint="The purpose of the key, such as shop backend."
      />
      <ScopeChoice scopes={scopes} state={state} />
      <p class="detail">
        A key with the scope tokens alone can be restricted to some accounts. An account must be in
        all lists that are given; for the key, the others do not exist. A key has no expiry. It is
        valid until you revoke it.
      </p>
      <Checkboxes
        name="providers"
        label="Only these providers"
        state={state}
        choices={providers.map((id) => ({ value: id, label: id }))}
      />
      <Field
        name="kinds"
        label="Only these kinds"
        state={state}
        hint={`Separated by commas: at most ${BOUNDS_MAX.kinds}, each with at most ${BOUND_MAX_CHARACTERS} characters.`}
      />
      <TextArea
        name="accounts"
        label="Only these accounts"
        state={state}
        hint={`Ids of accounts, one per line, at most ${BOUNDS_MAX.accounts}.`}
      />
    </Form>
  );
}

interface KeyProps {
  apiKey: ApiKey;
  /** The scopes that the person may add. */
  grantable: readonly Scope[];
  mayChange: boolean;
  /** Whether the person signed in with this key. */
  isOwn: boolean;
  state?: FormState;
}

export function KeyPage({ apiKey, grantable, mayChange, isOwn, state = EMPTY_FORM }: KeyProps) {
  const { keyId, name, scopes, status, createdAt, bounds } = apiKey;
  const path = keyPath(keyId);
  const addable = grantable.filter((scope) => !scopes.includes(scope));
  return (
    <>
      {status === 'invalid' && (
        <Notice kind="bad">
          Evergrant did not write the row of this key in MongoDB, or the row was changed later. The
          key is refused. Revoke it.
        </Notice>
      )}
      <section class="card" aria-label="Key">
        <dl class="facts">
          <dt>Id</dt>
          <dd>
            <code>{keyId}</code>
          </dd>
          <dt>Scopes</dt>
          <dd>
            {SCOPES.filter((scope) => scopes.includes(scope)).map((scope) => (
              <Badge tone="plain">{scope}</Badge>
            ))}
          </dd>
          <dt>Restricted to</dt>
          <dd>{restrictionOf(apiKey)}</dd>
          <dt>Created</dt>
          <dd>
            <Moment at={createdAt} />
          </dd>
        </dl>
      </section>
      {mayChange ? (
        <div class="actions">
          <ConfirmButton opens="revoke" of={name} danger>
            Revoke …
          </ConfirmButton>
        </div>
      ) : (
        <p class="muted">Only an operator can change a key with the scope operator.</p>
      )}
      {mayChange && status === 'valid' && bounds === undefined && addable.length > 0 && (
        <section aria-labelledby="grant-title">
          <h2 id="grant-title">Grant more scopes</h2>
          <Form action={`${path}/grant`} state={state} submit="Grant">
            <ScopeChoice scopes={addable} state={state} />
          </Form>
        </section>
      )}
      {mayChange && (
        <Confirm
          id="revoke"
          title={`Revoke the key ${name}?`}
          action={`${path}/revoke`}
          submit="Revoke"
          danger
        >
          <p>
            Applications that use the key are refused within 5 seconds, and its sessions end. A
            revoked key cannot be restored. Create a new one instead.
          </p>
          {isOwn && (
            <p>
              <strong>You signed in with this key, so you are signed out as well.</strong>
            </p>
          )}
        </Confirm>
      )}
    </>
  );
}

export function restrictionOf({ bounds }: Pick<ApiKey, 'bounds'>): string {
  if (bounds === undefined) return 'not restricted';
  const { providers, kinds, accounts } = bounds;
  const lists = [
    providers !== null && `providers ${providers.join(', ')}`,
    kinds !== null && `kinds ${kinds.join(', ')}`,
    accounts !== null && `accounts ${accounts.join(', ')}`,
  ];
  return lists.filter((one) => one !== false).join('; ');
}
