/** The settings for people: which are set, from where, and the values that no one must keep to themselves. */
import { z } from 'zod';

export interface Setting {
  name: string;
  source: 'environment' | 'default' | 'not set';
  /** `null`: the value is not shown, because it may hold a secret, name an organisation, or there is none. */
  value: string | null;
}

/** All others are only `set` or `not set`: an allow-list, so that a new setting with a secret is not shown by mistake. */
const SHOWN: ReadonlySet<string> = new Set([
  'AUDIT_REQUIRED',
  'AUDIT_RETENTION_DAYS',
  'ENCRYPTION_KEYS_LOST',
  'HOST',
  'INDEXES',
  'JWT_AUDIENCE',
  'JWT_ISSUER',
  'JWT_ORGANISATION_CLAIM',
  'LOG_LEVEL',
  'LOG_RETENTION_DAYS',
  'METRICS_HOST',
  'METRICS_PORT',
  'OIDC_CLIENT_ID',
  'OIDC_ORGANISATION_CLAIM',
  'OIDC_SCOPES_CLAIM',
  'PORT',
  'REFRESH_INTERVAL_MINUTES',
  'REMINDER_LANGUAGE',
  'SANDBOX_ACCESS_TOKEN_LIFE',
  'TEMPORAL_TASK_QUEUE',
  'TEMPORAL_UI',
  'TRUSTED_PROXIES',
  'WEBHOOKS_ALLOW_PRIVATE_ADDRESSES',
]);
/** Settings of Temporal's own configuration, which the schema does not have. */
const OF_TEMPORAL = ['TEMPORAL_ADDRESS', 'TEMPORAL_NAMESPACE', 'TEMPORAL_API_KEY'];

/** @param set the environment without empty variables */
export function settingsOf(schema: z.ZodObject, set: Readonly<Record<string, string>>): Setting[] {
  const known = Object.entries(schema.shape).map(([name, member]): Setting => {
    const given = set[name];
    const isShown = SHOWN.has(name);
    if (given !== undefined) return { name, source: 'environment', value: isShown ? given : null };
    const data: unknown = z.safeParse(member, undefined).data;
    if (data === undefined) return { name, source: 'not set', value: null };
    const text = typeof data === 'string' ? data : JSON.stringify(data);
    return { name, source: 'default', value: isShown ? text : null };
  });
  const temporal = OF_TEMPORAL.map(
    (name): Setting => ({
      name,
      source: set[name] === undefined ? 'not set' : 'environment',
      value: null,
    }),
  );
  return [...known, ...temporal].toSorted((a, b) => (a.name < b.name ? -1 : 1));
}
