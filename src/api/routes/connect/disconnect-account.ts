/** `POST /api/admin/accounts/{id}/disconnect`: revokes an account's tokens at its provider, then deletes them. */
import { createRoute } from '@hono/zod-openapi';
import { forScope } from '../../../http/authenticate';
import type { ApiDependencies } from '../../../http/dependencies';
import type { ApiApp } from '../../../http/env';
import { errorResponses } from '../../../http/errors';
import { callerName } from '../../../services/access/authenticator';
import { disconnect } from '../../../services/connect/disconnect';
import { AccountParams } from '../accounts/account-body';
import { DisconnectionBody, disconnectionBody } from './disconnection-body';

const route = createRoute({
  method: 'post',
  path: '/api/admin/accounts/{id}/disconnect',
  operationId: 'disconnectAccount',
  tags: ['Connect'],
  summary: 'Disconnect an account: revoke its tokens at the provider, then delete them',
  description:
    'The account is out of service at once: it is not refreshed, and its token is not served. A workflow revokes its refresh and access tokens at the provider, and retries for a day if the provider gives no usable response. Then the encrypted tokens are deleted. The account keeps its label and its history, and a reconnect brings it back. A second request returns the disconnection that is running. Read `revocation` of GET …/disconnect first: some providers end more than this account.',
  ...forScope('admin'),
  request: { params: AccountParams },
  responses: {
    202: {
      description: 'The disconnection. GET …/disconnect shows its progress.',
      content: { 'application/json': { schema: DisconnectionBody } },
    },
    ...errorResponses,
  },
});

export function registerDisconnectAccount(app: ApiApp, deps: ApiDependencies) {
  return app.openapi(route, async (c) => {
    const { organisation, keyId } = c.get('principal');
    const { id } = c.req.valid('param');
    const account = await disconnect(deps, organisation, id, callerName(keyId));
    return c.json(disconnectionBody(account, deps.providers), 202);
  });
}
