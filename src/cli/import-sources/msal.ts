/**
 * MSAL: a serialized token cache, in the schema that all MSAL libraries share. Each refresh token is an entry, joined
 * with its account and access tokens by `home_account_id`. An access token is for one resource, so it is used only if
 * the cache has no other one for the same app and account. MSAL Extensions encrypt the file (DPAPI), or keep the cache
 * in Keychain or libsecret and leave an empty file.
 *
 * Sources, read on 2026-11-29: github.com/AzureAD: microsoft-authentication-library-for-python at 7db6c2c (1.31.0),
 * msal/token_cache.py; microsoft-authentication-library-for-js at 980f0b0 (msal-node 2.15.0),
 * lib/msal-node/src/cache/serializer/SerializerTypes.ts and lib/msal-node/test/cache (`familyId` and `family_id`);
 * microsoft-authentication-extensions-for-python at 5a27660 (1.3.1), msal_extensions/persistence.py.
 */
import type { ExportedEntry, ImportSource } from './exported-entry';
import {
  entries,
  entryName,
  type Fields,
  fields,
  isFields,
  member,
  number,
  scopes,
  secondsMoment,
  text,
} from './fields';

/** Hosts of Microsoft's public cloud. Any other host is another provider (B2C, AD FS, a national cloud). */
const PUBLIC_CLOUD = [
  'login.microsoftonline.com',
  'login.windows.net',
  'login.microsoft.com',
  'sts.windows.net',
];

const EXPORT = `python -c "from msal_extensions import build_encrypted_persistence as p; print(p(r'<path of the cache>').load())" > cache.json`;

export const msal: ImportSource = {
  read: (values, now) =>
    values.flatMap(({ value }) => entries(value, [])).flatMap((cache) => entriesOf(cache, now)),
  notJson: `MSAL Extensions encrypt the cache (DPAPI), or keep it in Keychain or libsecret and leave an empty file. Export it in plain text, as the user that runs the app, with: ${EXPORT}`,
};

function entriesOf(cache: unknown, now: Date): ExportedEntry[] {
  const section = fields(cache, 'RefreshToken');
  if (section === undefined)
    return [{ name: 'cache', refusal: 'not an MSAL token cache: it has no section RefreshToken' }];
  const accounts = new Map<string, Fields>();
  for (const account of records(cache, 'Account')) accounts.set(ownerOf(account), account);
  const accessTokens = grouped(records(cache, 'AccessToken').filter(isBearer), appKeyOf);
  const apps = grouped(records(cache, 'RefreshToken'), appKeyOf);
  const newest = new Map([...apps].map(([key, tokens]) => [key, newestOf(tokens)]));
  return Object.values(section).map((one) => {
    const homeAccountId = text(one, 'home_account_id');
    const name = entryName('account', homeAccountId);
    const refuse = (refusal: string): ExportedEntry => ({ name, refusal });
    const refreshToken = text(one, 'secret');
    if (!isFields(one) || homeAccountId === undefined)
      return refuse('has no home_account_id: it belongs to no account');
    if (refreshToken === undefined) return refuse('has no refresh token');
    if (newest.get(appKeyOf(one)) !== one)
      return refuse(
        'another refresh token of the same account is newer, or belongs to the app itself',
      );
    const account = accounts.get(ownerOf(one));
    const held = accessTokens.get(appKeyOf(one)) ?? [];
    const living = held.filter(
      (token) => (secondsMoment(member(token, 'expires_on'))?.getTime() ?? 0) > now.getTime(),
    );
    const targets = new Set(held.map((token) => text(token, 'target')));
    const accessToken = targets.size === 1 ? living[0] : undefined;
    const environment = text(one, 'environment') ?? '';
    return {
      name,
      account: {
        provider: PUBLIC_CLOUD.includes(environment) ? 'microsoft' : environment,
        clientId: text(one, 'client_id'),
        externalId: homeAccountId,
        label: text(account, 'username', 'name'),
        refreshToken,
        accessToken: text(accessToken, 'secret'),
        expiresAt: secondsMoment(member(accessToken, 'expires_on')),
        scopes: targets.size === 1 ? scopes([...targets][0]) : undefined,
      },
    };
  });
}

function records(cache: unknown, section: string): Fields[] {
  return Object.values(fields(cache, section) ?? {}).filter(isFields);
}

/** Excludes tokens bound to a key, which cannot be used as bearer tokens. */
function isBearer(token: Fields): boolean {
  return (text(token, 'token_type', 'tokenType') ?? 'Bearer').toLowerCase() === 'bearer';
}

/** Prefers tokens of the app to those of its family, and among several (one per set of scopes) the newest. */
function newestOf(tokens: readonly Fields[]): Fields | undefined {
  const own = tokens.filter((token) => !isOfFamily(token));
  let newest: Fields | undefined;
  for (const token of own.length > 0 ? own : tokens)
    if (newest === undefined || writtenAt(token) >= writtenAt(newest)) newest = token;
  return newest;
}

function writtenAt(token: Fields): number {
  return number(member(token, 'last_modification_time')) ?? 0;
}

function isOfFamily(token: Fields): boolean {
  return member(token, 'family_id', 'familyId') !== undefined;
}

function ownerOf(one: Fields): string {
  return JSON.stringify([text(one, 'home_account_id'), text(one, 'environment')]);
}

function appKeyOf(one: Fields): string {
  return JSON.stringify(
    ['home_account_id', 'environment', 'client_id'].map((name) => text(one, name)),
  );
}

function grouped(all: readonly Fields[], key: (one: Fields) => string): Map<string, Fields[]> {
  const groups = new Map<string, Fields[]>();
  for (const one of all) {
    const group = groups.get(key(one));
    if (group === undefined) groups.set(key(one), [one]);
    else group.push(one);
  }
  return groups;
}
