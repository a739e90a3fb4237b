/**
 * The audit of every action: one entry before it, without which it is not done, and one with how it ended. By method and
 * route, so that no route can be forgotten.
 */
import type { Context, Env } from 'hono';
import { createMiddleware } from 'hono/factory';
import { matchedRoutes } from 'hono/route';
import type { Logger } from 'pino';
import type { AuditDetails } from '../domain/audit';
import { printable } from '../domain/masking';
import { scrubText } from '../domain/scrubbing';
import type { Principal } from '../store/api-keys';
import type { AuditLog } from './audit-log';

const SAFE = new Set(['GET', 'HEAD', 'OPTIONS']);

/** Members whose values are shown. Of all others the name is: they may hold a token. */
const SHOWN_MEMBERS = new Set([
  'account_id',
  'disabled',
  'environment',
  'event_types',
  'every',
  'external_id',
  'force',
  'kind',
  'name',
  'note',
  'overlap_seconds',
  'provider',
  'quarantine',
  'reason',
  'run_id',
  'scopes',
  'to',
]);
const MEMBERS_MAX = 30;
const NAME_MAX = 64;
const VALUE_MAX = 200;
const PATH_MAX = 300;

/** @param principalOf who is asking, as the request's own kind of sign-in has it */
export function audited<E extends Env>(
  { audit, logger }: { audit: AuditLog; logger: Logger },
  principalOf: (c: Context<E>) => Pick<Principal, 'keyId' | 'organisation'>,
) {
  return createMiddleware<E>(async (c, next) => {
    const action = actionOf(c);
    if (action === null) return next();
    const { keyId: actor, organisation } = principalOf(c);
    const asked = await audit.append({
      organisation,
      actor,
      action,
      details: {
        phase: 'asked',
        path: pathOf(c).slice(0, PATH_MAX),
        ...(await saidIn(c)),
      },
    });
    const head = `${asked.sequence}:${asked.hash}`;
    logger.info({ action, key_id: actor, organisation, audit_head: head }, 'audited');
    await next();
    try {
      await audit.append({
        organisation,
        actor,
        action,
        details: {
          phase: 'answered',
          asked: asked.sequence,
          status: c.res.status,
          ...(await madeBy(c)),
        },
      });
    } catch (error) {
      // It was done, and that it was asked for is on record.
      logger.error({ err: error, audit_head: head }, 'how an action ended could not be audited');
    }
  });
}

/** `POST /api/admin/accounts/{id}/refresh`; `null` for what changes nothing, and where there is no such route. */
function actionOf(c: Context): string | null {
  if (SAFE.has(c.req.method)) return null;
  const route = matchedRoutes(c).find(
    ({ method, path }) => method === c.req.method && !path.includes('*'),
  );
  return route === undefined
    ? null
    : `${c.req.method} ${route.path.replaceAll(/:(\w+)/g, (_, name: string) => `{${name}}`)}`;
}

/** A token in the place of an id is none the less a token. */
function pathOf(c: Context): string {
  const segments = c.req.path.split('/').map((one) => one.replaceAll(/%2f/gi, '/'));
  return segments.map(shownText).join('/');
}

function shownText(text: string): string {
  return printable(scrubText(text)).slice(0, VALUE_MAX);
}

async function saidIn(c: Context): Promise<AuditDetails> {
  const body = await bodyOf(c);
  const members = Object.keys(body).slice(0, MEMBERS_MAX);
  if (members.length === 0) return {};
  const shown = members
    .filter((name) => SHOWN_MEMBERS.has(name))
    .flatMap((name): [string, AuditDetails[string]][] => {
      const value = body[name];
      if (typeof value === 'boolean' || typeof value === 'number') return [[name, value]];
      if (typeof value === 'string') return [[name, shownText(value)]];
      return Array.isArray(value)
        ? [[name, value.slice(0, MEMBERS_MAX).map((one) => shownText(String(one)))]]
        : [];
    });
  return {
    ...Object.fromEntries(shown),
    members: members.map((name) => printable(name).slice(0, NAME_MAX)),
  };
}

/** Read here and kept by the request: whoever handles it reads it again. What is no object has no members. */
async function bodyOf(c: Context): Promise<Record<string, unknown>> {
  const type = c.req.header('content-type') ?? '';
  try {
    if (/^application\/json\b/i.test(type)) return { ...Object(await c.req.json()) };
    if (/^application\/x-www-form-urlencoded\b/i.test(type)) return await c.req.parseBody();
  } catch {
    // Whoever handles the request says what is wrong with it.
  }
  return {};
}

/** The id of what was made: the caller has just learned it, and so must the audit. */
async function madeBy(c: Context): Promise<AuditDetails> {
  if (c.res.status !== 201) return {};
  const made: unknown = await c.res.clone().json();
  const id = typeof made === 'object' && made !== null && 'id' in made ? made.id : null;
  return typeof id === 'string' ? { made: id } : {};
}
