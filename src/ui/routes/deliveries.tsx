/** Admin → Deliveries: the webhook deliveries of the organisation, newest first, and the replay of one delivery. */
import { z } from 'zod';
import { deliveryBody } from '../../api/routes/webhooks/webhook-bodies';
import { encodeCursor } from '../../domain/cursor';
import { EVENT_TYPES } from '../../domain/events/event';
import { DELIVERY_STATES, type DeliveryState } from '../../domain/events/webhook-delivery';
import { placeOf } from '../../http/paging';
import { replayDelivery } from '../../services/webhooks/replay-delivery';
import type { WebhookDelivery } from '../../store/webhooks/webhook-delivery-model';
import type { UiDependencies } from '../dependencies';
import type { Session, UiApp } from '../env';
import { demandAdmin } from '../guard';
import { placeBefore, registerList } from '../list-page';
import { addressOf, many, moment, pastRange, single, span, text } from '../list-query';
import { Badge, type Tone } from '../parts/badge';
import { type RepeatedBy, repeatedList, TIME_FILTERS } from '../parts/commands';
import { Copyable } from '../parts/copy';
import { FilterBar, Many, PAST_SPANS, TimeRange } from '../parts/filter-bar';
import type { Column } from '../parts/list';
import { Notice } from '../parts/notice';
import { Moment } from '../parts/time';

const PATH = '/admin/deliveries';

const Query = z.object({
  state: many(z.enum(DELIVERY_STATES)),
  type: many(z.enum(EVENT_TYPES)),
  webhook: many(text(64)),
  since: single(span),
  from: single(moment),
  to: single(moment),
  column: many(text(32)),
  cursor: single(z.string().max(4096)),
});

const TONES: Record<DeliveryState, Tone> = {
  failed: 'bad',
  pending: 'active',
  skipped: 'warn',
  delivered: 'good',
};

interface Row extends WebhookDelivery {
  /** The description of the webhook, or its URL. */
  webhook: string;
}

const COLUMNS: readonly Column<Row>[] = [
  {
    id: 'type',
    title: 'Event',
    names: true,
    value: ({ eventType }) => eventType,
    cell: ({ eventType }) => eventType,
  },
  {
    id: 'state',
    title: 'State',
    value: ({ state }) => state,
    cell: (delivery) => (
      <>
        <Badge tone={TONES[delivery.state]}>{delivery.state}</Badge>
        <span class="detail">{lastAttempt(delivery)}</span>
      </>
    ),
  },
  {
    id: 'webhook',
    title: 'Webhook',
    value: ({ webhook }) => webhook,
    cell: ({ webhook, endpointId }) => (
      <a href={addressOf(PATH, { webhook: endpointId })}>{webhook}</a>
    ),
  },
  {
    id: 'created_at',
    title: 'Created',
    value: ({ createdAt }) => createdAt.toISOString(),
    cell: ({ createdAt }) => <Moment at={createdAt} />,
  },
  {
    id: 'attempts',
    title: 'Attempts',
    value: ({ attempts }) => attempts.length,
    cell: ({ attempts }) => attempts.length,
  },
  {
    id: 'next',
    title: 'Next attempt',
    value: ({ nextTryAt }) => nextTryAt?.toISOString() ?? null,
    cell: ({ nextTryAt }) => (nextTryAt === null ? null : <Moment at={nextTryAt} />),
  },
  {
    id: 'event',
    title: 'Event id',
    optional: true,
    value: ({ eventId }) => eventId,
    cell: ({ eventId }) => <Copyable text={eventId} of="the event id" />,
  },
  {
    id: 'id',
    title: 'Id',
    optional: true,
    value: ({ id }) => id,
    cell: ({ id }) => <Copyable text={id} of="the id" />,
  },
  {
    id: 'actions',
    title: 'Actions',
    cell: ({ id }) => (
      <form method="post" action={`${PATH}/${encodeURIComponent(id)}/replay`}>
        <button>
          Replay<span class="hidden"> {id}</span>
        </button>
      </form>
    ),
  },
];

function lastAttempt({ attempts }: WebhookDelivery): string | null {
  const last = attempts.at(-1);
  return last === undefined ? null : (last.error ?? String(last.status ?? ''));
}

/** The API lists the deliveries of one webhook. */
function deliveriesCommand(query: z.infer<typeof Query>): RepeatedBy | null {
  const [webhook, ...others] = query.webhook ?? [];
  if (webhook === undefined || others.length > 0) return null;
  return repeatedList(
    {
      path: `/api/admin/webhooks/${encodeURIComponent(webhook)}/deliveries`,
      words: ['webhooks', 'deliveries', webhook],
    },
    query,
    {
      state: { label: 'State', api: 'state', option: 'state' },
      type: { label: 'Type' },
      ...TIME_FILTERS,
    },
  );
}

export function registerDeliveries(ui: UiApp, deps: UiDependencies): void {
  const { store, now } = deps;
  const filterOf = (
    organisation: string,
    { state, type: eventType, webhook: endpointId, since, from, to }: z.infer<typeof Query>,
  ) => ({ organisation, state, eventType, endpointId, ...pastRange(since, { from, to }, now()) });

  registerList(ui, deps, {
    path: PATH,
    title: 'Deliveries',
    schema: Query,
    things: ['deliveries', 'delivery'],
    columns: COLUMNS,
    idOf: ({ id }) => id,
    guard: demandAdmin,
    body: deliveryBody,
    repeatedBy: deliveriesCommand,
    placeBefore: ({ createdAt, id }) => placeBefore(createdAt.toISOString(), id),
    start: (
      <>
        Add a webhook with <code>POST /api/admin/webhooks</code> or{' '}
        <code>evergrant webhooks add</code>.
      </>
    ),
    count: ({ organisation }, query, max) =>
      store.webhookDeliveries.count(filterOf(organisation, query), max),
    async page({ organisation }: Session, query, limit) {
      const [found, webhooks] = await Promise.all([
        store.webhookDeliveries.list({
          ...filterOf(organisation, query),
          before: query.cursor === undefined ? undefined : placeOf(query.cursor, 'cursor'),
          limit: limit + 1,
        }),
        store.webhookEndpoints.list(organisation),
      ]);
      const names = new Map(webhooks.map(({ id, url, description }) => [id, description ?? url]));
      const rows = found.slice(0, limit).map((delivery) => ({
        ...delivery,
        webhook: names.get(delivery.endpointId) ?? delivery.endpointId,
      }));
      const last = found.length > limit ? rows.at(-1) : undefined;
      return {
        rows,
        next: last === undefined ? null : encodeCursor(last.createdAt.toISOString(), last.id),
      };
    },
    async above(c, query) {
      const webhooks = await store.webhookEndpoints.list(c.get('session').organisation);
      const names = new Map(webhooks.map(({ id, url, description }) => [id, description ?? url]));
      return (
        <>
          {webhooks
            .filter(({ state }) => state !== 'enabled')
            .map(({ id, state, stateReason, stateAt }) => (
              <Notice kind="bad">
                The webhook {names.get(id)} is {state}, <Moment at={stateAt} />. {stateReason}
              </Notice>
            ))}
          <FilterBar path={PATH} label="Deliveries" replaces="#list">
            <Many name="state" label="State" chosen={query.state} values={DELIVERY_STATES} />
            <Many name="type" label="Type" chosen={query.type} values={EVENT_TYPES} />
            <Many
              name="webhook"
              label="Webhook"
              chosen={query.webhook}
              values={[...names.keys()]}
              word={(id) => names.get(id) ?? id}
            />
            <TimeRange
              label="Created"
              names={{ span: 'since', from: 'from', to: 'to' }}
              span={query.since}
              from={query.from}
              to={query.to}
              spans={PAST_SPANS}
              direction="last"
            />
          </FilterBar>
        </>
      );
    },
  });

  ui.post(`${PATH}/:id/replay`, async (c) => {
    const { organisation } = c.get('session');
    const delivery = await replayDelivery(deps, organisation, c.req.param('id'));
    return c.redirect(addressOf(PATH, { webhook: delivery.endpointId }), 303);
  });
}
