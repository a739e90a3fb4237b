/**
 * django-allauth: `manage.py dumpdata socialaccount`. A SocialToken has the tokens in plaintext (`token_secret` is the
 * refresh token, or the secret of OAuth 1). Its SocialAccount names the owner, and its SocialApp the client id. Tokens
 * are stored only with SOCIALACCOUNT_STORE_TOKENS.
 *
 * Sources, read on 2026-11-29: github.com/pennersr/django-allauth at 20f4bde (65.16.1):
 * allauth/socialaccount/models.py, and the providers that extend OAuthProvider (OAuth 1).
 */
import { type DumpedObject, dumpedObjects } from './django-dump';
import type { ExportedEntry, ImportSource } from './exported-entry';
import { entryName, fields, id, member, text, timeMoment } from './fields';

const DUMP = 'python manage.py dumpdata socialaccount --output socialaccount.json';
const OAUTH1 = new Set([
  'discogs',
  'evernote',
  '500px',
  'fivehundredpx',
  'flickr',
  'openstreetmap',
  'pocket',
  'trello',
  'tumblr',
  'twitter',
  'vimeo',
  'xing',
]);

export const djangoAllauth: ImportSource = {
  read(values) {
    const objects = dumpedObjects(values, (model) => model.startsWith('socialaccount.'));
    const accounts = byKey(objects, 'socialaccount.socialaccount');
    const apps = byKey(objects, 'socialaccount.socialapp');
    const tokens = objects.filter(({ model }) => model === 'socialaccount.socialtoken');
    if (tokens.length === 0)
      return [
        {
          name: 'dump',
          refusal: `has no SocialToken. Export with: ${DUMP}; allauth stores tokens only with SOCIALACCOUNT_STORE_TOKENS = True`,
        },
      ];
    return tokens.map((token) => entryOf(token, accounts, apps));
  },
};

type ByKey = ReadonlyMap<string | undefined, DumpedObject>;

function entryOf(token: DumpedObject, accounts: ByKey, apps: ByKey): ExportedEntry {
  const name = entryName('SocialToken', token.pk);
  const refuse = (refusal: string): ExportedEntry => ({ name, refusal });
  const account = accounts.get(id(token.fields, 'account'))?.fields;
  const app = apps.get(id(token.fields, 'app'))?.fields;
  const uid = id(account, 'uid');
  if (uid === undefined)
    return refuse(`its SocialAccount is not in the dump. Export with: ${DUMP}`);
  const provider = text(account, 'provider') ?? text(app, 'provider_id', 'provider');
  if (OAUTH1.has(text(app, 'provider') ?? provider ?? ''))
    return refuse('a token of OAuth 1, which has no refresh token');
  const refreshToken = text(token.fields, 'token_secret');
  if (refreshToken === undefined) return refuse('has no refresh token (token_secret is empty)');
  const profile = fields(account, 'extra_data');
  return {
    name,
    account: {
      provider,
      clientId: text(app, 'client_id'),
      externalId: uid,
      label: text(profile, 'email', 'mail', 'userPrincipalName', 'name', 'login'),
      refreshToken,
      accessToken: text(token.fields, 'token'),
      expiresAt: timeMoment(member(token.fields, 'expires_at')),
    },
  };
}

function byKey(objects: readonly DumpedObject[], wanted: string): ByKey {
  return new Map(objects.filter(({ model }) => model === wanted).map((one) => [one.pk, one]));
}
