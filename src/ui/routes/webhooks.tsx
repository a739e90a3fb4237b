/** Admin → Webhooks: the webhooks of the organisation, a new webhook, and the actions on a webhook. */
import { z } from 'zod';
import { webhookBody } from '../../api/routes/webhooks/webhook-bodies';
import { EVENT_TYPES } from '../../domain/events/event';
import {
  changeWebhook,
  createWebhook,
  deleteWebhook,
  disableWebhook,
  enableWebhook,
  findWebhook,
  rotateWebhookSecret,
  testWebhook,
  WebhookInput,
  WebhookSecretRotationBody,
} from '../../services/webhooks/webhooks';
import { ENDPOINT_STATES, type WebhookEndpoint } from '../../store/webhooks/webhook-endpoint-model';
import type { UiDependencies } from '../dependencies';
import { answerDone } from '../done';
import type { UiApp, UiContext } from '../env';
import { actOrShowAgain, type FormState, formFields, formValues, parsedForm } from '../form';
import { demandAdmin } from '../guard';
import { showPage } from '../layout';
import { registerList } from '../list-page';
import { many, single, text } from '../list-query';
import {
  ENDPOINT_TONES,
  NEW_WEBHOOK_PATH,
  WEBHOOKS_PATH,
  WebhookForm,
  WebhookPage,
  webhookName,
  webhookPath,
} from '../pages/webhooks';
import { Badge } from '../parts/badge';
import { repeatedList } from '../parts/commands';
import { lastAttempt } from '../parts/delivery';
import { FilterBar, Many } from '../parts/filter-bar';
import { type Column, ColumnChoice } from '../parts/list';
import { SecretOnce } from '../parts/secret-once';
import { Moment } from '../parts/time';

const WEBHOOK = `${WEBHOOKS_PATH}/:id` as const;
/** Deliveries on the page of a webhook; the list has all. */
const LATEST = 10;

const Query = z.object({
  state: many(z.enum(ENDPOINT_STATES)),
  type: many(z.enum(EVENT_TYPES)),
  column: many(text(32)),
  cursor: single(text(64)),
});

const COLUMNS: readonly Column<WebhookEndpoint>[] = [
  {
    id: 'name',
    title: 'Webhook',
    names: true,
    value: webhookName,
    cell: (webhook) => <a href={webhookPath(webhook.id)}>{webhookName(webhook)}</a>,
  },
  {
    id: 'state',
    title: 'State',
    value: ({ state }) => state,
    cell: ({ state, stateReason }) => (
      <>
        <Badge tone={ENDPOINT_TONES[state]}>{state}</Badge>
        {stateReason !== null && <span class="detail">{stateReason}</span>}
      </>
    ),
  },
  { id: 'url', title: 'URL', value: ({ url }) => url, cell: ({ url }) => <code>{url}</code> },
  {
    id: 'types',
    title: 'Event types',
    value: ({ eventTypes }) => eventTypes.join(' '),
    cell: ({ eventTypes }) =>
      eventTypes.length > 2
        ? `${eventTypes.length} of ${EVENT_TYPES.length}`
        : eventTypes.join(', '),
  },
  {
    id: 'last_success_at',
    title: 'Last success',
    value: ({ lastSuccessAt }) => lastSuccessAt?.toISOString() ?? null,
    cell: ({ lastSuccessAt }) =>
      lastSuccessAt === null ? <span class="muted">none yet</span> : <Moment at={lastSuccessAt} />,
  },
  {
    id: 'created_at',
    title: 'Created',
    value: ({ createdAt }) => createdAt.toISOString(),
    cell: ({ createdAt }) => <Moment at={createdAt} />,
  },
  {
    id: 'id',
    title: 'Id',
    optional: true,
    value: ({ id }) => id,
    cell: ({ id }) => <code>{id}</code>,
  },
];

export function registerWebhooks(ui: UiApp, deps: UiDependencies): void {
  const { store } = deps;
  const hasPublicUrl = deps.publicUrl !== null;

  registerList(ui, deps, {
    path: WEBHOOKS_PATH,
    title: 'Webhooks',
    schema: Query,
    things: ['webhooks', 'webhook'],
    columns: COLUMNS,
    idOf: ({ id }) => id,
    guard: demandAdmin,
    body: webhookBody,
    repeatedBy: (query) =>
      repeatedList({ path: '/api/admin/webhooks', words: ['webhooks', 'list'] }, query, {
        state: { label: 'State' },
        type: { label: 'Event type' },
      }),
    async count({ organisation }, query) {
      return (await matching(organisation, query)).length;
    },
    // An organisation has at most 20 webhooks, which are one page.
    async page({ organisation }, query) {
      return { rows: await matching(organisation, query), next: null };
    },
    async above(_c, query) {
      return (
        <>
          <FilterBar path={WEBHOOKS_PATH} label="Webhooks" replaces="#list">
            <Many name="state" label="State" chosen={query.state} values={ENDPOINT_STATES} />
            <Many name="type" label="Event type" chosen={query.type} values={EVENT_TYPES} />
            <ColumnChoice columns={COLUMNS} chosen={query.column} />
          </FilterBar>
          <div class="toolbar">
            <a class="button primary" href={NEW_WEBHOOK_PATH}>
              Add a webhook
            </a>
          </div>
        </>
      );
    },
  });

  async function matching(organisation: string, { state, type }: z.infer<typeof Query>) {
    const webhooks = await store.webhookEndpoints.list(organisation);
    return webhooks.filter(
      (webhook) =>
        (state === undefined || state.includes(webhook.state)) &&
        (type === undefined || type.some((one) => webhook.eventTypes.includes(one))),
    );
  }

  const newWebhook = (c: UiContext, options = {}, state?: FormState) =>
    showPage(
      c,
      { title: 'Add a webhook', section: WEBHOOKS_PATH, narrow: true, ...options },
      <WebhookForm
        action={NEW_WEBHOOK_PATH}
        back={WEBHOOKS_PATH}
        submit="Add the webhook"
        hasPublicUrl={hasPublicUrl}
        {...(state === undefined ? {} : { state })}
      />,
    );

  ui.get(NEW_WEBHOOK_PATH, (c) => {
    demandAdmin(c.get('session'));
    return newWebhook(c);
  });

  ui.post(NEW_WEBHOOK_PATH, (c) =>
    actOrShowAgain(
      c,
      async () => {
        const input = await webhookForm(c);
        const { endpoint, secret } = await createWebhook(deps, organisationOf(c), input);
        c.set('createdId', endpoint.id);
        return showSecret(c, endpoint, secret.reveal());
      },
      (state, status) => newWebhook(c, { status }, state),
    ),
  );

  const webhookOf = (c: UiContext) => findWebhook(deps, organisationOf(c), c.req.param('id') ?? '');

  ui.get(WEBHOOK, async (c) => {
    demandAdmin(c.get('session'));
    const webhook = await webhookOf(c);
    const deliveries = await store.webhookDeliveries.list({
      organisation: organisationOf(c),
      endpointId: webhook.id,
      limit: LATEST,
    });
    return showPage(
      c,
      { title: webhookName(webhook), section: WEBHOOKS_PATH },
      <WebhookPage webhook={webhook} deliveries={deliveries} />,
    );
  });

  const editWebhook = (c: UiContext, webhook: WebhookEndpoint, options = {}, state?: FormState) =>
    showPage(
      c,
      { title: `Edit ${webhookName(webhook)}`, section: WEBHOOKS_PATH, narrow: true, ...options },
      <WebhookForm
        action={`${webhookPath(webhook.id)}/edit`}
        back={webhookPath(webhook.id)}
        submit="Save"
        webhook={webhook}
        hasPublicUrl={hasPublicUrl}
        {...(state === undefined ? {} : { state })}
      />,
    );

  ui.get(`${WEBHOOK}/edit`, async (c) => {
    demandAdmin(c.get('session'));
    return editWebhook(c, await webhookOf(c));
  });

  ui.post(`${WEBHOOK}/edit`, async (c) => {
    const before = await webhookOf(c);
    return actOrShowAgain(
      c,
      async () => {
        const input = await webhookForm(c);
        const webhook = await changeWebhook(deps, organisationOf(c), before.id, input);
        const changed = `The webhook ${webhookName(webhook)} is changed.`;
        return answerDone(c, deps, webhookPath(webhook.id), { text: changed });
      },
      (state, status) => editWebhook(c, before, { status }, state),
    );
  });

  ui.post(`${WEBHOOK}/enable`, async (c) => {
    const webhook = await enableWebhook(deps, organisationOf(c), c.req.param('id'));
    const path = webhookPath(webhook.id);
    return answerDone(c, deps, path, {
      text: `The webhook ${webhookName(webhook)} is enabled.`,
      undo: { action: `${path}/disable` },
    });
  });

  ui.post(`${WEBHOOK}/disable`, async (c) => {
    const webhook = await disableWebhook(deps, organisationOf(c), c.req.param('id'));
    const path = webhookPath(webhook.id);
    return answerDone(c, deps, path, {
      text: `The webhook ${webhookName(webhook)} is disabled.`,
      undo: { action: `${path}/enable` },
    });
  });

  ui.post(`${WEBHOOK}/rotate-secret`, async (c) => {
    const { overlap_seconds: overlap } = await formFields(c);
    const input = parsedForm(WebhookSecretRotationBody, {
      overlap_seconds: overlap === undefined ? undefined : Number(overlap),
    });
    const id = c.req.param('id');
    const { endpoint, secret } = await rotateWebhookSecret(deps, organisationOf(c), id, input);
    return showSecret(c, endpoint, secret.reveal());
  });

  ui.post(`${WEBHOOK}/test`, async (c) => {
    const id = c.req.param('id');
    const delivery = await testWebhook(deps, organisationOf(c), id);
    const outcome = lastAttempt(delivery) ?? delivery.state;
    return answerDone(c, deps, webhookPath(id), {
      text:
        delivery.state === 'delivered'
          ? `The receiver accepted the test event (${outcome}).`
          : 'The test event is not delivered.',
      ...(delivery.state === 'delivered' ? {} : { warnings: [outcome] }),
    });
  });

  ui.post(`${WEBHOOK}/remove`, async (c) => {
    const webhook = await webhookOf(c);
    await deleteWebhook(deps, organisationOf(c), webhook.id);
    return answerDone(c, deps, WEBHOOKS_PATH, {
      text: `The webhook ${webhookName(webhook)} is removed.`,
    });
  });
}

async function webhookForm(c: UiContext): Promise<z.infer<typeof WebhookInput>> {
  const { url = '', description = '', include_reconnect_link } = await formFields(c);
  return parsedForm(WebhookInput, {
    url: url.trim(),
    description: description.trim() === '' ? null : description.trim(),
    event_types: await formValues(c, 'event_types'),
    include_reconnect_link: include_reconnect_link !== undefined,
  });
}

const organisationOf = (c: UiContext) => c.get('session').organisation;

/** Only this response contains the secret. */
const showSecret = (c: UiContext, webhook: WebhookEndpoint, secret: string) =>
  showPage(
    c,
    { title: webhookName(webhook), section: WEBHOOKS_PATH, narrow: true },
    <>
      <SecretOnce label="the secret" secret={secret}>
        This is the secret of the webhook. The receiver verifies the signature of each delivery with
        it.
      </SecretOnce>
      <p>
        <a class="button" href={webhookPath(webhook.id)}>
          Show the webhook
        </a>
      </p>
    </>,
  );
