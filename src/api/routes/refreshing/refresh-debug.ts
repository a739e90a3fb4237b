/**
 * `POST /api/admin/{provider}/token/refresh-debug`: refreshes one account. The response contains the exchange with the
 * provider, masked.
 */
import { createRoute, z } from '@hono/zod-openapi';
import { notFound, ServiceError } from '../../../domain/service-error';
import { providerNotConfigured } from '../../../domain/text/messages';
import { forScope } from '../../../http/authenticate';
import type { ApiDependencies } from '../../../http/dependencies';
import type { ApiApp } from '../../../http/env';
import { bodyErrorResponses } from '../../../http/errors';
import { callerName } from '../../../services/access/authenticator';
import { refreshableAccount } from '../../../services/accounts/refreshable-account';
import { orNull } from '../../openapi/parts';
import { LogEntryBody, logEntryBody } from '../terminal/log-entry-body';
import { OutcomeBody, outcomeBody } from './outcome-body';

const Body = z.strictObject({
  account_id: z.string().openapi({ example: 'acc_4b6f0c2d9e8a7b6c5d4e3f2a' }),
});

const route = createRoute({
  method: 'post',
  path: '/api/admin/{provider}/token/refresh-debug',
  operationId: 'refreshDebug',
  tags: ['Refreshing'],
  summary: 'Refresh an account now and return the whole masked exchange',
  ...forScope('admin'),
  request: {
    params: z.object({
      provider: z.string().openapi({
        param: { name: 'provider', in: 'path' },
        description: 'The name of the provider in providers.yaml',
        example: 'ebay',
      }),
    }),
    body: {
      content: { 'application/json': { schema: Body } },
      required: true,
    },
  },
  responses: {
    200: {
      description:
        'The outcome and its log entry. If a scheduled refresh was in progress, both are of that refresh, and its entry has fewer details.',
      content: {
        'application/json': { schema: OutcomeBody.extend({ entry: orNull(LogEntryBody) }) },
      },
    },
    ...bodyErrorResponses,
  },
});

export function registerRefreshDebug(
  app: ApiApp,
  { store, providers, refreshes }: ApiDependencies,
) {
  return app.openapi(route, async (c) => {
    const requestedAt = c.get('askedAt').toISOString();
    const principal = c.get('principal');
    const { provider } = c.req.valid('param');
    if (providers.find(provider) === undefined)
      throw new ServiceError('unknown_provider', providerNotConfigured(provider));
    const { account_id: id } = c.req.valid('json');
    const account = await refreshableAccount(store, principal, id);
    if (account.provider !== provider) throw notFound(`${provider} account ${id}`);
    const outcome = await refreshes.refresh(account, {
      source: 'debug',
      caller: callerName(principal.keyId),
      requestedAt,
      force: true,
      capture: true,
    });
    const entry =
      outcome.logEntryId === null
        ? null
        : await store.logEntries.find(principal.organisation, outcome.logEntryId);
    return c.json(
      { ...outcomeBody(outcome), entry: entry === null ? null : logEntryBody(entry) },
      200,
    );
  });
}
