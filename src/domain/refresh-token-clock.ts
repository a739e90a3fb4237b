/** The refresh token's own clock: when its owner is warned that it ends. */

/** Days before the end at which a warning is due, the earliest first. */
const WARNING_DAYS = [30, 14, 7, 1] as const;
const DAY_MS = 24 * 3600_000;

/** When the next warning is due; `null`: the end is not known, or the last one was given. */
export function refreshTokenWarningAt(
  expiresAt: string | null,
  warnedDays: number | null,
): Date | null {
  if (expiresAt === null) return null;
  const next = WARNING_DAYS.find((days) => warnedDays === null || days < warnedDays);
  return next === undefined ? null : new Date(Date.parse(expiresAt) - next * DAY_MS);
}

/** The warning that is due now: the closest one to the end, where several fell due at once; `null`: none. */
export function dueWarningDays(
  expiresAt: string | null,
  warnedDays: number | null,
  now: Date,
): number | null {
  if (expiresAt === null) return null;
  const reached = WARNING_DAYS.filter(
    (days) =>
      (warnedDays === null || days < warnedDays) &&
      Date.parse(expiresAt) - days * DAY_MS <= now.getTime(),
  );
  return reached.at(-1) ?? null;
}
