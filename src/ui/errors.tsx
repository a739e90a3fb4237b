/** Errors for people: a whole page, or a notice within the page that requested a fragment. */
import type { Logger } from 'pino';
import { type ErrorCode } from '../domain/service-error';
import { apiErrorOf, STATUS } from '../http/errors';
import type { UiContext } from './env';
import { isFragment } from './guard';
import { showPage } from './layout';
import { markup } from './markup';
import { Copyable } from './parts/copy';
import { Notice } from './parts/notice';

const TITLES: Partial<Record<ErrorCode, string>> = {
  forbidden: 'Not allowed',
  not_found: 'Not found',
  database_unavailable: 'MongoDB is unreachable',
  temporal_unavailable: 'Temporal is unreachable',
};

/** Responds with the error's message, as a page or as a notice. */
export async function showError(error: unknown, c: UiContext, logger: Logger): Promise<Response> {
  const { code, message } = apiErrorOf(error);
  const requestId = c.get('requestId');
  if (code === 'internal_error')
    logger.error({ err: error, request_id: requestId }, 'request failed');
  if (isFragment(c)) {
    c.header('HX-Retarget', '#notices');
    c.header('HX-Reswap', 'innerHTML');
    return c.html(await markup(<Notice kind="bad">{message}</Notice>), STATUS[code]);
  }
  return showPage(
    c,
    { title: TITLES[code] ?? 'Request failed', status: STATUS[code] },
    <>
      <Notice kind="bad">{message}</Notice>
      <p class="muted">
        Request id <Copyable text={requestId} of="the request id" />
      </p>
    </>,
  );
}
