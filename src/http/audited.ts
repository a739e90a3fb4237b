/**
 * Audits every action: one entry before it, without which the action is refused, and one with its outcome. Keyed by
 * method and route, so that no route is forgotten.
 */
import type { Context, Env } from 'hono';
import { createMiddleware } from 'hono/factory';
import { matchedRoutes } from 'hono/route';
import type { Logger } from 'pino';
import { OPERATOR_AUDIT } from '../domain/access/organisation';
import type { Principal } from '../domain/access/principal';
import type { AuditDetails } from '../domain/audit/audit';
import { scrubText } from '../domain/masking/scrubbing';
import { visible } from '../domain/text/visible-text';
import type { AuditLog } from '../services/audit/audit-log';
import type { IsOperators } from './audit-chain';
import { isJson } from './media-type';

const SAFE = new Set(['GET', 'HEAD', 'OPTIONS']);

/** Members whose values are recorded. Only the names of the others are, because their values may hold tokens. */
const SHOWN_MEMBERS = new Set([
  'account_id',
  'action',
  'actor',
  'disabled',
  'environment',
  'event_types',
  'every',
  'external_id',
  'force',
  'include_reconnect_link',
  'kind',
  'language',
  'logo_url',
  'name',
  'note',
  'kinds',
  'organisation_name',
  'overlap_seconds',
  'owner_reminders',
  'provider',
  'providers',
  'quarantine',
  'reason',
  'return_urls',
  'run_id',
  'scopes',
  'status',
  'to',
]);
const MEMBERS_MAX = 30;
const VALUE_MAX = 200;
/** Characters of a value that are searched for secrets; a longer search would cost seconds of CPU per request. */
const SEARCHED_MAX = 1_000;
const PATH_MAX = 300;

/** The member names that an action's route declares for its body. */
export type BodyMembers = (action: string) => ReadonlySet<string>;

/**
 * @param principalOf reads the principal from the request
 * @param membersOf names outside of it are counted but never recorded, because a caller may send a token as a name
 * @param isOperators selects the actions for the operators' audit, which records the caller's organisation
 */
export function audited<E extends Env>(
  { audit, logger }: { audit: AuditLog; logger: Logger },
  principalOf: (c: Context<E>) => Principal,
  membersOf: BodyMembers,
  isOperators: IsOperators,
) {
  return createMiddleware<E>(async (c, next) => {
    const action = actionOf(c);
    if (action === null) return next();
    const principal = principalOf(c);
    const { keyId: actor, organisation } = principal;
    const beyond = isOperators(principal, action, c.req.path);
    const chain = beyond ? OPERATOR_AUDIT : organisation;
    const from = beyond ? { organisation } : {};
    const asked = await audit.append({
      organisation: chain,
      actor,
      action,
      details: {
        phase: 'asked',
        path: pathOf(c).slice(0, PATH_MAX),
        ...(await bodyDetails(c, membersOf(action))),
        ...from,
      },
    });
    const head = `${asked.sequence}:${asked.hash}`;
    logger.info({ action, key_id: actor, organisation, audit: chain, audit_head: head }, 'audited');
    await next();
    try {
      await audit.append({
        organisation: chain,
        actor,
        action,
        details: {
          phase: 'answered',
          asked: asked.sequence,
          status: c.res.status,
          ...(await createdBy(c)),
          ...from,
        },
      });
    } catch (error) {
      // The action is done, and the entry before it is on record.
      logger.error(
        { err: error, audit_head: head },
        'the outcome of an action could not be audited',
      );
    }
  });
}

/** `POST /api/admin/accounts/{id}/refresh`; `null` for safe methods and unknown routes. */
function actionOf(c: Context): string | null {
  if (SAFE.has(c.req.method)) return null;
  const route = matchedRoutes(c).find(
    ({ method, path }) => method === c.req.method && !path.includes('*'),
  );
  return route === undefined
    ? null
    : `${c.req.method} ${route.path.replaceAll(/:(\w+)/g, (_, name: string) => `{${name}}`)}`;
}

/** Masks path segments: a caller may send a token in place of an id. */
function pathOf(c: Context): string {
  const segments = c.req.path.split('/').map((one) => one.replaceAll(/%2f/gi, '/'));
  return segments.map(shownText).join('/');
}

function shownText(text: string): string {
  return visible(scrubText(searchedPart(text))).slice(0, VALUE_MAX);
}

/** Cuts at a space, because the search does not recognise half a token. */
function searchedPart(text: string): string {
  if (text.length <= SEARCHED_MAX) return text;
  return `${text.slice(0, text.lastIndexOf(' ', SEARCHED_MAX) + 1)}…`;
}

/** The audited part of the body: names of members, and values that cannot contain a token. */
async function bodyDetails(c: Context, known: ReadonlySet<string>): Promise<AuditDetails> {
  const body = await bodyOf(c);
  const names = Object.keys(body);
  const members = names.filter((name) => known.has(name)).slice(0, MEMBERS_MAX);
  const unknown = names.filter((name) => !known.has(name)).length;
  const shown = members
    .filter((name) => SHOWN_MEMBERS.has(name))
    .flatMap((name): [string, AuditDetails[string]][] => {
      const value = body[name];
      if (typeof value === 'boolean' || typeof value === 'number') return [[name, value]];
      if (typeof value === 'string') return [[name, shownText(value)]];
      return Array.isArray(value)
        ? [
            [
              name,
              value
                .slice(0, MEMBERS_MAX)
                .filter(isPlain)
                .map((one) => shownText(String(one))),
            ],
          ]
        : [];
    });
  return {
    ...Object.fromEntries(shown),
    ...(members.length > 0 ? { members } : {}),
    ...(unknown > 0 ? { unknown_members: unknown } : {}),
  };
}

function isPlain(value: unknown): value is string | number | boolean {
  return ['string', 'number', 'boolean'].includes(typeof value);
}

/** The body as an object. Hono caches it, so that the route can read it again. */
async function bodyOf(c: Context): Promise<Record<string, unknown>> {
  try {
    if (isJson(c)) {
      const body: unknown = await c.req.json();
      return typeof body === 'object' && body !== null && !Array.isArray(body) ? { ...body } : {};
    }
    // Form bodies of either type, as the pages parse them; Hono does not read other types.
    return await c.req.parseBody({ all: true });
  } catch {
    // The route reports the malformed body.
  }
  return {};
}

/** The id of the created object. */
async function createdBy(c: Context): Promise<AuditDetails> {
  // Pages answer with a page, so they name the object otherwise.
  const createdId: unknown = c.get('createdId');
  if (typeof createdId === 'string') return { made: createdId };
  if (c.res.status !== 201) return {};
  const created: unknown = await c.res.clone().json();
  const id = typeof created === 'object' && created !== null && 'id' in created ? created.id : null;
  return typeof id === 'string' ? { made: id } : {};
}
