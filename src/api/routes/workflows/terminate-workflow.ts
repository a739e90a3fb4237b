/** `POST …/workflows/{workflow_id}/terminate`: ends a workflow, unless a grant that is not stored would be lost. */
import { createRoute, z } from '@hono/zod-openapi';
import { forScope } from '../../../http/authenticate';
import type { ApiDependencies } from '../../../http/dependencies';
import type { ApiApp } from '../../../http/env';
import { bodyErrorResponses } from '../../../http/errors';
import { callerName } from '../../../services/access/authenticator';
import { note } from '../schedules/schedule-body';

const route = createRoute({
  method: 'post',
  path: '/api/admin/workflows/{workflow_id}/terminate',
  operationId: 'terminateWorkflow',
  tags: ['Workflows'],
  summary: 'Terminate a refresh of your organisation, or a sweep',
  description:
    'A workflow of an account needs "admin". A sweep or a batch serves all organisations and needs "operator". The refreshes that a sweep has started continue. If the refresh has already sent its request, the next refresh of the account deals with the open outcome. Refused while the workflow may hold a grant that is not stored yet.',
  ...forScope('admin', 'operator'),
  request: {
    params: z.object({
      workflow_id: z.string().openapi({
        param: { name: 'workflow_id', in: 'path' },
        description: 'Percent-encode the id: its slash becomes %2F',
        example: 'refresh-account/acc_4b6f0c2d9e8a7b6c5d4e3f2a',
      }),
    }),
    body: {
      content: {
        'application/json': {
          schema: z
            .strictObject({
              reason: note,
              run_id: z.uuid().optional().openapi({ description: 'Default: the newest run' }),
            })
            .openapi('Termination', { example: { reason: 'The shop asked for it' } }),
        },
      },
      required: true,
    },
  },
  responses: {
    200: {
      description: 'The workflow is terminated. Its history has the reason and the caller.',
      content: {
        'application/json': {
          schema: z.object({
            workflow_id: z
              .string()
              .openapi({ example: 'refresh-account/acc_4b6f0c2d9e8a7b6c5d4e3f2a' }),
            run_id: z.string().openapi({ example: '019aad5e-1f0c-7a53-9d6e-2b1c5f0e8a47' }),
            status: z.literal('terminated'),
          }),
        },
      },
    },
    ...bodyErrorResponses,
  },
});

export function registerTerminateWorkflow(app: ApiApp, { workflows, logger }: ApiDependencies) {
  return app.openapi(route, async (c) => {
    const { workflow_id } = c.req.valid('param');
    const { reason, run_id } = c.req.valid('json');
    const { keyId, organisation } = c.get('principal');
    const reasonWithCaller = `${reason} (${callerName(keyId)})`;
    const { workflowId, runId } = await workflows.terminate(
      c.get('principal'),
      workflow_id,
      run_id,
      reasonWithCaller,
    );
    logger.info(
      { workflow_id: workflowId, run_id: runId, key_id: keyId, organisation, reason },
      'workflow terminated',
    );
    return c.json({ workflow_id: workflowId, run_id: runId, status: 'terminated' as const }, 200);
  });
}
