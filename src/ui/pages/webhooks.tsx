/** Admin → Webhooks: the form of a webhook, and one webhook with its actions and latest deliveries. */
import { EVENT_TYPES, STATE_EVENT_TYPES } from '../../domain/events/event';
import { DELIVERY_STATES } from '../../domain/events/webhook-delivery';
import type { WebhookDelivery } from '../../store/webhooks/webhook-delivery-model';
import type { WebhookEndpoint } from '../../store/webhooks/webhook-endpoint-model';
import { EMPTY_FORM, type FormState } from '../form';
import { addressOf } from '../list-query';
import { Badge, type Tone } from '../parts/badge';
import { Confirm, ConfirmButton } from '../parts/confirm';
import { DeliveryTable } from '../parts/delivery';
import { Checkboxes, Field, Form, Select, Switch } from '../parts/form';
import { Notice } from '../parts/notice';
import { Moment } from '../parts/time';

export const WEBHOOKS_PATH = '/admin/webhooks';
export const NEW_WEBHOOK_PATH = `${WEBHOOKS_PATH}/new`;
export const DELIVERIES_PATH = '/admin/deliveries';

export function webhookPath(id: string): string {
  return `${WEBHOOKS_PATH}/${encodeURIComponent(id)}`;
}

/** The name of a webhook for people. */
export function webhookName({ description, url }: WebhookEndpoint): string {
  return description ?? url;
}

export const ENDPOINT_TONES: Record<WebhookEndpoint['state'], Tone> = {
  enabled: 'good',
  disabled: 'warn',
  invalid: 'bad',
};

interface WebhookFormProps {
  action: string;
  back: string;
  submit: string;
  webhook?: WebhookEndpoint;
  /** Whether this service has a public address, which links need. */
  hasPublicUrl: boolean;
  state?: FormState;
}

export function WebhookForm(props: WebhookFormProps) {
  const { action, back, submit, webhook, hasPublicUrl, state = EMPTY_FORM } = props;
  return (
    <Form action={action} state={state} submit={submit} back={back}>
      <Field
        name="url"
        label="URL"
        type="url"
        required
        state={state}
        value={webhook?.url ?? ''}
        placeholder="https://example.com/hooks/evergrant"
      />
      <Field
        name="description"
        label="Description"
        state={state}
        value={webhook?.description ?? ''}
        maxLength={200}
        hint="The purpose of the webhook, such as the shop backend."
      />
      <Checkboxes
        name="event_types"
        label="Event types"
        required
        state={state}
        value={webhook?.eventTypes ?? STATE_EVENT_TYPES}
        choices={EVENT_TYPES.map((type) => ({ value: type, label: type }))}
      />
      {hasPublicUrl && (
        <Switch
          name="include_reconnect_link"
          label="Include a reconnect link"
          state={state}
          checked={webhook?.includeReconnectLink ?? false}
          hint="Each account.needs_reconnect event has a new link for the owner of the account. Every receiver of the event can use the link."
        />
      )}
    </Form>
  );
}

const OVERLAPS = [
  ['86400', 'one day'],
  ['3600', 'one hour'],
  ['604800', 'seven days'],
  ['0', 'not at all: the receiver knows the new secret only'],
] as const;

interface WebhookPageProps {
  webhook: WebhookEndpoint;
  deliveries: readonly WebhookDelivery[];
}

export function WebhookPage({ webhook, deliveries }: WebhookPageProps) {
  const { id, url, description, state, stateReason, stateAt, eventTypes, secrets } = webhook;
  const path = webhookPath(id);
  const name = webhookName(webhook);
  return (
    <>
      {state === 'invalid' && (
        <Notice kind="bad">
          Evergrant did not write the row of this webhook in MongoDB, or the row was changed later.
          Nothing is sent to it. Remove it.
        </Notice>
      )}
      <section class="card" aria-label="Webhook">
        <dl class="facts">
          <dt>State</dt>
          <dd>
            <Badge tone={ENDPOINT_TONES[state]}>{state}</Badge> <Moment at={stateAt} />
            {stateReason !== null && <span class="detail">{stateReason}</span>}
          </dd>
          <dt>URL</dt>
          <dd>
            <code>{url}</code>
          </dd>
          {description !== null && (
            <>
              <dt>Description</dt>
              <dd>{description}</dd>
            </>
          )}
          <dt>Event types</dt>
          <dd>{eventTypes.join(', ')}</dd>
          <dt>Reconnect link</dt>
          <dd>{webhook.includeReconnectLink ? 'included' : 'not included'}</dd>
          <dt>Secrets</dt>
          <dd>
            {secrets.map(({ createdAt, expiresAt }) => (
              <span class="secret">
                created <Moment at={createdAt} />
                {expiresAt !== null && (
                  <>
                    , signs until <Moment at={expiresAt} />
                  </>
                )}
              </span>
            ))}
          </dd>
          <dt>Last success</dt>
          <dd>
            {webhook.lastSuccessAt === null ? 'none yet' : <Moment at={webhook.lastSuccessAt} />}
          </dd>
          <dt>Id</dt>
          <dd>
            <code>{id}</code>
          </dd>
        </dl>
      </section>
      <div class="actions">
        {state === 'disabled' && (
          <form method="post" action={`${path}/enable`}>
            <button class="primary">Enable</button>
          </form>
        )}
        {state !== 'invalid' && (
          <>
            <form method="post" action={`${path}/test`}>
              <button>Send a test event</button>
            </form>
            <a class="button" href={`${path}/edit`}>
              Edit
            </a>
            <ConfirmButton opens="rotate" of={name}>
              Rotate the secret …
            </ConfirmButton>
          </>
        )}
        {state === 'enabled' && (
          <ConfirmButton opens="disable" of={name} danger>
            Disable …
          </ConfirmButton>
        )}
        <ConfirmButton opens="remove" of={name} danger>
          Remove …
        </ConfirmButton>
      </div>
      <section aria-labelledby="deliveries-title">
        <h2 id="deliveries-title">Latest deliveries</h2>
        {deliveries.length === 0 ? (
          <p class="empty">No deliveries yet. Send a test event.</p>
        ) : (
          <DeliveryTable deliveries={deliveries} />
        )}
        <p class="list-links">
          <a href={addressOf(DELIVERIES_PATH, { webhook: id })}>All deliveries of this webhook</a>
          {DELIVERY_STATES.map((one) => (
            <a href={addressOf(DELIVERIES_PATH, { webhook: id, state: one })}>{one}</a>
          ))}
        </p>
      </section>
      <Confirm
        id="rotate"
        title="Rotate the secret?"
        action={`${path}/rotate-secret`}
        submit="Rotate the secret"
      >
        <p>
          The next page shows the new secret, once. During the overlap, the old secret also signs
          each delivery, so that you can change the receiver without a gap.
        </p>
        <Select
          name="overlap_seconds"
          label="The old secret also signs for"
          required
          options={OVERLAPS}
        />
      </Confirm>
      <Confirm
        id="disable"
        title="Disable the webhook?"
        action={`${path}/disable`}
        submit="Disable"
        danger
      >
        <p>
          Evergrant sends nothing to it. Pending deliveries are skipped; you can replay them after
          you enable the webhook again.
        </p>
      </Confirm>
      <Confirm
        id="remove"
        title="Remove the webhook?"
        action={`${path}/remove`}
        submit="Remove"
        danger
      >
        <p>
          Evergrant deletes the webhook and its secrets, and skips its pending deliveries. This
          cannot be undone. To pause the webhook, disable it.
        </p>
      </Confirm>
    </>
  );
}
