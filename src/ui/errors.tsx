/** Failures as people read them: a page of its own, or a notice within the page that asked for a part. */
import { HTTPException } from 'hono/http-exception';
import type { Logger } from 'pino';
import { apiErrorOf, type ErrorCode, STATUS } from '../api/errors';
import type { UiContext } from './dependencies';
import { isFragment } from './guard';
import { showPage } from './layout';
import { Notice } from './parts/notice';

const TITLES: Partial<Record<ErrorCode, string>> = {
  forbidden: 'Not allowed',
  not_found: 'Not found',
  database_unavailable: 'MongoDB is away',
  temporal_unavailable: 'Temporal is away',
};

/** Answers with whatever was thrown, in a sentence. */
export function showError(
  error: unknown,
  c: UiContext,
  logger: Logger,
): Response | Promise<Response> {
  const { code, message } = uiErrorOf(error);
  const requestId = c.get('requestId');
  if (code === 'internal_error')
    logger.error({ err: error, request_id: requestId }, 'request failed');
  if (isFragment(c)) {
    c.header('HX-Retarget', '#notices');
    c.header('HX-Reswap', 'innerHTML');
    return c.html(<Notice kind="bad">{message}</Notice>, STATUS[code]);
  }
  return showPage(
    c,
    { title: TITLES[code] ?? 'That did not work', status: STATUS[code] },
    <>
      <Notice kind="bad">{message}</Notice>
      <p class="muted">
        Request <code>{requestId}</code>
      </p>
    </>,
  );
}

function uiErrorOf(error: unknown): { code: ErrorCode; message: string } {
  if (error instanceof HTTPException && error.status === 403) {
    return {
      code: 'forbidden',
      message:
        'Nothing was changed: the request did not come from a page of Evergrant. Open the page here, and try again.',
    };
  }
  return apiErrorOf(error);
}
