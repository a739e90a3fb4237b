/** Reports a finished action: as a notice in the page, or on the next page after a redirect. It may offer to undo it. */
import { z } from 'zod';
import type { Vault } from '../vault/vault';
import type { Done, UiContext } from './env';
import { warningSentence } from './form';
import { isFragment } from './guard';
import { markup } from './markup';
import { DoneNotice } from './parts/done-notice';
import { forgetCookie, readJsonCookie, setJsonCookie } from './signed-cookie';

const COOKIE = 'evergrant_done';
/** How long the next page may take, in ms; a notice that appears later would confuse. */
const LIFE_MS = 60_000;
/** Browsers drop cookies beyond 4 kB, so the sentence is cut off. */
const TEXT_MAX_CHARACTERS = 1_500;

const Shape = z.object({
  text: z.string(),
  /** Likely mistakes. */
  warnings: z.array(z.string()).optional(),
  /** The form that undoes the action. */
  undo: z
    .object({ action: z.string(), fields: z.record(z.string(), z.string()).optional() })
    .optional(),
});

/** @param to the page that shows the result if the browser does not replace a fragment */
export async function answerDone(
  c: UiContext,
  { vault, now }: { vault: Pick<Vault, 'sessionKeys'>; now: () => Date },
  to: string,
  done: Done,
): Promise<Response> {
  const sentences = done.warnings?.map(warningSentence) ?? [];
  if (isFragment(c))
    return c.html(await markup(<DoneNotice {...done} warnings={sentences} isLive />));
  const warnings = sentences.join(' ').slice(0, TEXT_MAX_CHARACTERS);
  const content = {
    ...done,
    text: done.text.slice(0, TEXT_MAX_CHARACTERS),
    warnings: warnings === '' ? [] : [warnings],
  };
  await setJsonCookie(c, vault, COOKIE, content, new Date(now().getTime() + LIFE_MS));
  return c.redirect(to, 303);
}

/** The report that the previous response left for this page. */
export async function takeDone(
  c: UiContext,
  vault: Pick<Vault, 'sessionKeys'>,
): Promise<Done | null> {
  const done = await readJsonCookie(c, vault, COOKIE, Shape);
  if (done !== null) forgetCookie(c, COOKIE);
  return done;
}
