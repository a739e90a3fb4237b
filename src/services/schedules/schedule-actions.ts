/**
 * Changes the schedule of a sweep for an operator, by the API or by a page: decides the note that Temporal keeps and the
 * log line. Each function throws the errors of the schedule client. The HTTP edge writes the audit entry, as for
 * every action.
 */
import type { Logger } from 'pino';
import type { Principal } from '../../domain/access/principal';
import type { Schedule, ScheduleClient } from '../../temporal/schedule-client';
import { callerName } from '../access/authenticator';

export interface ScheduleActionDependencies {
  schedules: Omit<ScheduleClient, 'list'>;
  logger: Pick<Logger, 'info'>;
}

/** The caller who changes a schedule, and the interface that the caller uses. */
export interface ScheduleCaller extends Pick<Principal, 'keyId' | 'organisation'> {
  through: 'api' | 'page';
}

type Note = string | undefined;

export async function pauseSchedule(
  { schedules, logger }: ScheduleActionDependencies,
  id: string,
  note: Note,
  caller: ScheduleCaller,
): Promise<Schedule> {
  const schedule = await schedules.pause(
    id,
    keptNote(note, caller) ?? defaultNote('paused', caller),
  );
  logger.info(logFields(id, note, caller), 'schedule paused');
  return schedule;
}

export async function resumeSchedule(
  { schedules, logger }: ScheduleActionDependencies,
  id: string,
  note: Note,
  caller: ScheduleCaller,
): Promise<Schedule> {
  const kept = keptNote(note, caller) ?? defaultNote('resumed', caller);
  const schedule = await schedules.resume(id, kept);
  logger.info(logFields(id, note, caller), 'schedule resumed');
  return schedule;
}

/** Temporal stores no note with a run, so only the log has it; the note of the schedule stays. */
export async function triggerSchedule(
  { schedules, logger }: ScheduleActionDependencies,
  id: string,
  note: Note,
  caller: ScheduleCaller,
): Promise<Schedule> {
  const schedule = await schedules.trigger(id);
  logger.info(logFields(id, note, caller), 'schedule triggered');
  return schedule;
}

export async function setSchedule(
  { schedules, logger }: ScheduleActionDependencies,
  id: string,
  { everyMs, note }: { everyMs: number | undefined; note: Note },
  caller: ScheduleCaller,
): Promise<Schedule> {
  const schedule = await schedules.change(id, { everyMs, note: keptNote(note, caller) });
  logger.info({ ...logFields(id, note, caller), every_ms: everyMs }, 'schedule changed');
  return schedule;
}

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;

/** Why an interval is allowed, but probably a mistake; `null`: it is usual. */
export function intervalDoubt(everyMs: number): string | null {
  if (everyMs < MINUTE_MS) {
    const perDay = Math.floor(DAY_MS / everyMs).toLocaleString('en');
    return `A sweep would start ${perDay} times a day, and most sweeps would find no account that is due. Usual intervals are 1m to 1h.`;
  }
  if (everyMs > DAY_MS)
    return 'Access tokens usually last minutes or hours, so they would expire between two sweeps. Usual intervals are 1m to 1h.';
  return null;
}

export async function deleteSchedule(
  { schedules, logger }: ScheduleActionDependencies,
  id: string,
  caller: ScheduleCaller,
): Promise<void> {
  await schedules.delete(id);
  logger.info(logFields(id, undefined, caller), 'schedule deleted');
}

/**
 * The API stores a note as it was sent, because a client expects to read what it wrote. A page adds who wrote it, for
 * the people who read the note on the page or in Temporal.
 */
function keptNote(note: Note, { through, keyId }: ScheduleCaller): Note {
  const text = textOf(note);
  return text !== undefined && through === 'page' ? `${text} (${callerName(keyId)})` : text;
}

/** The default note, which names the caller to ask. */
function defaultNote(done: string, { keyId }: ScheduleCaller): string {
  return `${done} by ${callerName(keyId)}`;
}

/** A blank note counts as absent. */
function textOf(note: Note): Note {
  return note?.trim() === '' ? undefined : note;
}

function logFields(id: string, note: Note, { keyId, organisation, through }: ScheduleCaller) {
  return { schedule_id: id, key_id: keyId, organisation, through, note: textOf(note) ?? null };
}
