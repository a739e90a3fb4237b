/** Admin → Deliveries: the webhook deliveries of the organisation, newest first, and the replay of one or many. */
import { z } from 'zod';
import { deliveryBody } from '../../api/routes/webhooks/webhook-bodies';
import { encodeCursor } from '../../domain/cursor';
import { EVENT_TYPES } from '../../domain/events/event';
import { DELIVERY_STATES } from '../../domain/events/webhook-delivery';
import { ServiceError } from '../../domain/service-error';
import { placeOf } from '../../http/paging';
import {
  type ReplayResult,
  replayDeliveries,
  replayDelivery,
} from '../../services/webhooks/replay-delivery';
import type { WebhookDelivery } from '../../store/webhooks/webhook-delivery-model';
import type { WebhookEndpoint } from '../../store/webhooks/webhook-endpoint-model';
import type { UiDependencies } from '../dependencies';
import { answerDone } from '../done';
import type { Session, UiApp } from '../env';
import { formFields, formValues, shownFilter } from '../form';
import { demandAdmin } from '../guard';
import { showPage } from '../layout';
import { placeBefore, registerList } from '../list-page';
import {
  addressOf,
  many,
  moment,
  parsedValues,
  pastRange,
  single,
  span,
  text,
} from '../list-query';
import {
  DELIVERIES_PATH as PATH,
  WEBHOOKS_PATH,
  webhookName,
  webhookPath,
} from '../pages/webhooks';
import { type RepeatedBy, repeatedList, TIME_FILTERS } from '../parts/commands';
import { Copyable } from '../parts/copy';
import { DeliveryOutcome, ReplayForm } from '../parts/delivery';
import { FilterBar, Many, PastTimeRange } from '../parts/filter-bar';
import { type Column, ColumnChoice } from '../parts/list';
import { Notice } from '../parts/notice';
import { Moment } from '../parts/time';

/** The form that replays the selected deliveries. */
const REPLAY_FORM = 'replay';
/** Deliveries per request; more would occupy the request for minutes. */
const REPLAYED_MAX = 200;

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
    wraps: true,
    value: ({ state }) => state,
    cell: (delivery) => <DeliveryOutcome delivery={delivery} />,
  },
  {
    id: 'webhook',
    title: 'Webhook',
    value: ({ webhook }) => webhook,
    cell: ({ webhook, endpointId }) => <a href={webhookPath(endpointId)}>{webhook}</a>,
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
    cell: ({ id }) => <ReplayForm id={id} />,
  },
];

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
        Evergrant sends each event to the <a href={WEBHOOKS_PATH}>webhooks</a>.
      </>
    ),
    selectedBy: REPLAY_FORM,
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
            .map((webhook) => (
              <NotEnabled webhook={webhook} />
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
            <PastTimeRange label="Created" query={query} />
            <ColumnChoice columns={COLUMNS} chosen={query.column} />
          </FilterBar>
          <form id={REPLAY_FORM} class="bulk on-rows" method="post" action={`${PATH}/replay`}>
            <button>Replay the selected deliveries</button>
            <button name="all" value="true">
              Replay all that match, at most {REPLAYED_MAX}
            </button>
          </form>
        </>
      );
    },
  });

  ui.post(`${PATH}/replay`, async (c) => {
    const { organisation } = c.get('session');
    const fields = await formFields(c);
    const ids =
      fields['all'] === undefined
        ? (await formValues(c, 'id')).slice(0, REPLAYED_MAX)
        : await matchingIds(organisation, shownFilter(fields));
    if (ids.length === 0)
      throw new ServiceError('invalid_request', 'Select at least one delivery, then try again.');
    const results = await replayDeliveries(deps, organisation, ids);
    return showPage(
      c,
      { title: 'Replay: results', section: PATH },
      <ReplayResults results={results} />,
    );
  });

  /** @param filter the filters that the list wrote as the query of an address */
  async function matchingIds(organisation: string, filter: string): Promise<string[]> {
    const search = new URLSearchParams(filter);
    const names = [...new Set(search.keys())];
    const query = parsedValues(
      Object.fromEntries(names.map((name) => [name, search.getAll(name)])),
      Query,
    );
    const found = await store.webhookDeliveries.list({
      ...filterOf(organisation, query),
      limit: REPLAYED_MAX,
    });
    return found.map(({ id }) => id);
  }

  ui.post(`${PATH}/:id/replay`, async (c) => {
    const { organisation } = c.get('session');
    const delivery = await replayDelivery(deps, organisation, c.req.param('id'));
    return answerDone(c, deps, addressOf(PATH, { webhook: delivery.endpointId }), {
      text: `The delivery of ${delivery.eventType} starts again within seconds.`,
    });
  });
}

/** Nothing is sent to this webhook, and its deliveries cannot be replayed. */
function NotEnabled({ webhook }: { webhook: WebhookEndpoint }) {
  const { id, state, stateReason, stateAt } = webhook;
  const path = webhookPath(id);
  const name = webhookName(webhook);
  return (
    <div class="notice bad undoable" role="alert">
      <p>
        The webhook <a href={path}>{name}</a> is {state}, <Moment at={stateAt} />. {stateReason}
        {state === 'disabled' && ' Enable it to replay its deliveries.'}
      </p>
      {state === 'disabled' && (
        <form method="post" action={`${path}/enable`}>
          <button>
            Enable<span class="hidden"> the webhook {name}</span>
          </button>
        </form>
      )}
    </div>
  );
}

/** Failures first, because they need a person. */
function ReplayResults({ results }: { results: readonly ReplayResult[] }) {
  const failed = results.filter(({ problem }) => problem !== null);
  const replayed = results.length - failed.length;
  return (
    <>
      <Notice kind={failed.length === 0 ? 'good' : 'bad'}>
        {replayed} {replayed === 1 ? 'delivery starts' : 'deliveries start'} again within seconds,{' '}
        {failed.length} cannot be replayed.
      </Notice>
      <p>
        <a class="button" href={PATH}>
          Back to the deliveries
        </a>
      </p>
      {failed.length > 0 && (
        <table class="rows">
          <thead>
            <tr>
              <th scope="col">Delivery</th>
              <th scope="col">Reason</th>
            </tr>
          </thead>
          <tbody>
            {failed.map(({ id, problem }) => (
              <tr>
                <th scope="row">
                  <code>{id}</code>
                </th>
                <td data-label="Reason">{problem}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </>
  );
}
