/**
 * python-social-auth: `manage.py dumpdata social_django.usersocialauth`, or rows of `social_auth_usersocialauth`.
 * `extra_data` contains everything in plaintext: an object, or a JSON string in a text column (before
 * social-auth-app-django 5, and with SQLAlchemy). The expiry is a time (`expires_on`), or seconds from `auth_time`
 * (`expires_in`, `expires`).
 *
 * Sources, read on 2026-11-29: github.com/python-social-auth: social-app-django at 8db532e (6.0.1),
 * social_django/models.py, fields.py and migrations 0012 to 0016; social-core at 3bb06ab (5.1.0),
 * social_core/storage.py, backends/base.py, backends/oauth.py, backends/google.py, backends/azuread.py.
 */
import type { ExportedEntry, ImportSource } from './exported-entry';
import {
  entries,
  entryName,
  type Fields,
  fields,
  id,
  member,
  number,
  scopes,
  secondsMoment,
  text,
} from './fields';

/** Limit in seconds between a lifetime and a Unix time in `expires`. social-core uses the same limit. */
const LIFE_MAX_SECONDS = 63_072_000;

export const pythonSocialAuth: ImportSource = {
  read: (values) =>
    values
      .flatMap(({ value }) => entries(value, []))
      .filter(isAssociation)
      .map(entryOf),
};

/** Skips other models, because a dump may contain any model of the project. */
function isAssociation(one: unknown): boolean {
  const model = text(one, 'model')?.toLowerCase();
  return model === undefined || model.endsWith('.usersocialauth');
}

function entryOf(one: unknown): ExportedEntry {
  const row = fields(one, 'fields') ?? one;
  const uid = id(row, 'uid');
  const name = entryName('UserSocialAuth', id(one, 'pk', 'id') ?? uid);
  const refuse = (refusal: string): ExportedEntry => ({ name, refusal });
  if (uid === undefined) return refuse('not a UserSocialAuth: it has no uid');
  const data = fields(row, 'extra_data');
  if (data === undefined) return refuse('its extra_data is not a JSON object');
  if (fields(data, 'access_token') !== undefined)
    return refuse('a token of OAuth 1, which has no refresh token');
  const refreshToken = text(data, 'refresh_token');
  if (refreshToken === undefined) return refuse('has no refresh token');
  return {
    name,
    account: {
      provider: text(row, 'provider'),
      externalId: uid,
      label: text(data, 'email', 'login', 'username'),
      refreshToken,
      accessToken: text(data, 'access_token'),
      expiresAt: expiryOf(data),
      scopes: scopes(member(data, 'scope')),
    },
  };
}

/** Without `auth_time`, the start of a lifetime is unknown. */
function expiryOf(data: Fields): Date | undefined {
  const moment = secondsMoment(member(data, 'expires_on'));
  if (moment !== undefined) return moment;
  const life = number(member(data, 'expires_in', 'expires'));
  if (life === undefined) return undefined;
  if (life > LIFE_MAX_SECONDS) return secondsMoment(life);
  const since = number(member(data, 'auth_time'));
  return since === undefined ? undefined : secondsMoment(since + life);
}
