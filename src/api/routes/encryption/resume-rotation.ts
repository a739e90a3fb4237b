/** `POST /api/admin/encryption/resume`: resumes a paused rotation of the encryption key. */
import { createRoute } from '@hono/zod-openapi';
import { forScope } from '../../../http/authenticate';
import type { ApiDependencies } from '../../../http/dependencies';
import type { ApiApp } from '../../../http/env';
import { errorResponses } from '../../../http/errors';
import { resumeRotation } from '../../../services/encryption/rotation-actions';
import { RotationBody, rotationBody } from './encryption-body';

const route = createRoute({
  method: 'post',
  path: '/api/admin/encryption/resume',
  operationId: 'resumeEncryptionRotation',
  tags: ['Encryption'],
  summary: 'Resume a paused rotation',
  ...forScope('operator'),
  responses: {
    200: {
      description: 'The rotation',
      content: { 'application/json': { schema: RotationBody } },
    },
    ...errorResponses,
  },
});

export function registerResumeRotation(app: ApiApp, deps: ApiDependencies) {
  return app.openapi(route, async (c) =>
    c.json(rotationBody(await resumeRotation(deps, c.get('principal'))), 200),
  );
}
