/** Errors for people: a whole page, or a notice within the page that requested a fragment. */
import type { Child } from 'hono/jsx';
import type { Logger } from 'pino';
import { type ErrorCode } from '../domain/service-error';
import { apiErrorOf, STATUS } from '../http/errors';
import type { UiContext } from './env';
import { formNames, isCorrectable, isRepeatable, refusedState, shownAgain } from './form';
import { fieldOf } from './form-fields';
import { isFragment } from './guard';
import { showPage } from './layout';
import { localPath, pathOf } from './local-path';
import { markup } from './markup';
import { Copyable } from './parts/copy';
import { Notice } from './parts/notice';
import { SubmittedForm } from './parts/submitted-form';

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
  const title = TITLES[code] ?? 'Request failed';
  const form = isCorrectable(error) || isRepeatable(error) ? await submittedForm(error, c) : null;
  if (form !== null) return showPage(c, { title, status: STATUS[code], narrow: true }, form);
  return showPage(
    c,
    { title, status: STATUS[code] },
    <>
      <Notice kind="bad">{message}</Notice>
      <p class="muted">
        Request id <Copyable text={requestId} of="the request id" />
      </p>
    </>,
  );
}

/** The form of the request once more, with what was typed; `null`: the request has no form that can be sent again. */
async function submittedForm(error: unknown, c: UiContext): Promise<Child | null> {
  // Another site must neither fill in a form of Evergrant nor make the process read a large body.
  if (c.req.method !== 'POST' || c.get('isOwnRequest') !== true) return null;
  try {
    const names = await formNames(c);
    const isKept = isRepeatable(error);
    // A form without a field to correct would be refused again.
    if (!isKept && !names.some((name) => fieldOf(name).kind === 'text')) return null;
    return (
      <SubmittedForm
        action={c.req.path}
        names={names}
        state={refusedState(await shownAgain(c), error)}
        submit="Try again"
        back={localPath(pathOf(c.req.header('referer')))}
        isKept={isKept}
      />
    );
  } catch {
    // The body is no form, or too large.
    return null;
  }
}
