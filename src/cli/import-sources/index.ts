/** The systems that `evergrant import --from` supports. */
import { airbyte } from './airbyte';
import { betterAuth } from './better-auth';
import { djangoAllauth } from './django-allauth';
import type { ImportSource } from './exported-entry';
import { googleAuthorizedUser } from './google-authorized-user';
import { msal } from './msal';
import { n8n } from './n8n';
import { nango } from './nango';
import { nextAuth } from './next-auth';
import { pythonSocialAuth } from './python-social-auth';

export const IMPORT_SOURCES: ReadonlyMap<string, ImportSource> = new Map([
  ['nango', nango],
  ['n8n', n8n],
  ['airbyte', airbyte],
  ['google-authorized-user', googleAuthorizedUser],
  ['msal', msal],
  ['django-allauth', djangoAllauth],
  ['python-social-auth', pythonSocialAuth],
  ['next-auth', nextAuth],
  ['better-auth', betterAuth],
]);
