/** `providers.yaml`: what is kept alive, with the secrets put in from the environment. */
import { readFileSync } from 'node:fs';
import ms, { type StringValue } from 'ms';
import { parse as parseYaml, YAMLParseError } from 'yaml';
import { z } from 'zod';
import type { RefreshPolicy } from './domain/refresh-policy';
import { adapterIds, findAdapter } from './providers/registry';

export interface ProviderConfig {
  id: string;
  adapter: string;
  policy: RefreshPolicy;
  environments: Record<string, { clientId: string; clientSecret: string; tokenEndpoint: string }>;
}

const isDuration = (text: string): text is StringValue => /^\d+(\.\d+)?\s*(ms|s|m|h|d)$/.test(text);

/** `90s`, `10m`, `1h`, in milliseconds. */
export const duration = z.string().transform((text, context) => {
  const value = isDuration(text) ? ms(text) : undefined;
  if (value === undefined || value <= 0) {
    context.addIssue(`must be a duration such as 90s, 10m or 1h, not "${text}"`);
    return z.NEVER;
  }
  return value;
});

const providerSchema = z.strictObject({
  adapter: z.string().optional(),
  clientId: z.string().optional(),
  clientSecret: z.string().optional(),
  sweepEvery: duration.optional(),
  refreshBefore: duration.optional(),
  refreshAfterAge: z.union([duration, z.literal('never')]).optional(),
  tokenEndpoint: z.url('must be a URL').optional(),
  environments: z
    .record(
      z.string(),
      z.strictObject({
        clientId: z.string().optional(),
        clientSecret: z.string().optional(),
        tokenEndpoint: z.url('must be a URL').optional(),
      }),
    )
    .optional(),
});

const providersSchema = z.strictObject({
  providers: z.record(z.string(), z.unknown()).nullable().optional(),
});

type Environment = Readonly<Record<string, string>>;

export interface ProvidersFile {
  providers: ProviderConfig[];
  /** Entries none of whose `${NAME}`s are set. */
  unconfigured: { id: string; missing: string[] }[];
}

/** Reads the file that PROVIDERS_FILE names, or `./providers.yaml`; adds what is wrong with it to `problems`. */
export function readProviders(
  set: Environment,
  refreshIntervalMs: number | null,
  problems: string[],
): ProvidersFile {
  const file = readProvidersFile(set['PROVIDERS_FILE'], problems);
  const providers: ProviderConfig[] = [];
  const unconfigured: ProvidersFile['unconfigured'] = [];
  for (const [id, raw] of Object.entries(file)) {
    const { value, missing, used } = substitute(raw, set);
    if (missing.length > 0 && used.size === 0) unconfigured.push({ id, missing });
    else if (missing.length > 0) {
      problems.push(`providers.${id}: ${missing.join(' and ')} not set in the environment`);
    } else {
      const own: string[] = [];
      const provider = readProvider(id, value, refreshIntervalMs, own);
      if (provider !== null) providers.push(provider);
      problems.push(...own.map((problem) => withNames(problem, used)));
    }
  }
  return { providers, unconfigured };
}

/** The policy of a provider about which nothing is said. */
export function defaultPolicy(adapterId: string, refreshIntervalMs: number | null): RefreshPolicy {
  const adapter = findAdapter(adapterId);
  if (adapter === undefined) throw new TypeError(`no adapter named "${adapterId}"`);
  return {
    ...adapter.defaultPolicy,
    ...(refreshIntervalMs === null ? {} : { sweepEveryMs: refreshIntervalMs }),
  };
}

function readProvidersFile(path: string | undefined, problems: string[]): Record<string, unknown> {
  const file = path ?? 'providers.yaml';
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    const absent =
      typeof error === 'object' && error !== null && 'code' in error && error.code === 'ENOENT';
    if (path !== undefined || !absent) problems.push(`PROVIDERS_FILE: ${file} cannot be read`);
    return {};
  }
  try {
    const parsed = providersSchema.safeParse(parseYaml(text) ?? {});
    if (parsed.success) return parsed.data.providers ?? {};
    problems.push(`${file}: must hold "providers:" and under it one entry for each provider`);
  } catch (error) {
    // The parser's own message quotes the line, and with it what stands there.
    const line = error instanceof YAMLParseError ? error.linePos?.[0].line : undefined;
    problems.push(`${file} is not YAML: ${line === undefined ? 'unreadable' : `see line ${line}`}`);
  }
  return {};
}

/** Puts `${NAME}` in: from the environment alone, so that no secret needs to stand in the file. */
function substitute(
  raw: unknown,
  environment: Environment,
): { value: unknown; missing: string[]; used: ReadonlyMap<string, string> } {
  const missing: string[] = [];
  const used = new Map<string, string>();
  const walk = (value: unknown): unknown => {
    if (typeof value === 'string') {
      return value.replace(/\$\{([A-Za-z_]\w*)\}/g, (_match, name: string) => {
        const replacement = environment[name];
        if (replacement === undefined) missing.push(name);
        else used.set(name, replacement);
        return replacement ?? '';
      });
    }
    if (Array.isArray(value)) return value.map(walk);
    if (typeof value === 'object' && value !== null) {
      return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, walk(member)]));
    }
    return value;
  };
  return { value: walk(raw), missing, used };
}

/** A value from the environment may be a secret that was put into the wrong member: its name stands for it. */
function withNames(problem: string, used: ReadonlyMap<string, string>): string {
  let shown = problem;
  for (const [name, value] of used) shown = shown.replaceAll(value, `\${${name}}`);
  return shown;
}

function readProvider(
  id: string,
  raw: unknown,
  refreshIntervalMs: number | null,
  problems: string[],
): ProviderConfig | null {
  const problem = (text: string): null => {
    problems.push(`providers.${id}${text}`);
    return null;
  };
  if (!/^[a-z][a-z0-9-]{0,31}$/.test(id))
    return problem(': a provider is named in lower-case letters, digits and "-"');
  const parsed = providerSchema.safeParse(raw ?? {});
  if (!parsed.success) {
    for (const issue of parsed.error.issues)
      problem(`${issue.path.map((part) => `.${String(part)}`).join('')}: ${issue.message}`);
    return null;
  }
  const entry = parsed.data;
  const adapterId = entry.adapter ?? id;
  const adapter = findAdapter(adapterId);
  if (adapter === undefined)
    return problem(`: there is no adapter "${adapterId}"; there are: ${adapterIds().join(', ')}`);

  const environments: ProviderConfig['environments'] = {};
  for (const name of new Set([
    ...Object.keys(adapter.tokenEndpoints),
    ...Object.keys(entry.environments ?? {}),
  ])) {
    const own = entry.environments?.[name];
    const isDefault = name === adapter.defaultEnvironment;
    // Another environment is another OAuth app: it never inherits the credentials of the default one by accident.
    const clientId = own?.clientId ?? (isDefault ? entry.clientId : undefined);
    const clientSecret = own?.clientSecret ?? (isDefault ? entry.clientSecret : undefined);
    if (clientId === undefined && clientSecret === undefined && own === undefined && !isDefault)
      continue;
    const tokenEndpoint =
      own?.tokenEndpoint ??
      (isDefault ? entry.tokenEndpoint : undefined) ??
      adapter.tokenEndpoints[name];
    if (clientId === undefined || clientSecret === undefined || tokenEndpoint === undefined) {
      return problem(
        `: the environment "${name}" needs clientId, clientSecret and a tokenEndpoint`,
      );
    }
    environments[name] = { clientId, clientSecret, tokenEndpoint };
  }
  const base = defaultPolicy(adapterId, refreshIntervalMs);
  return {
    id,
    adapter: adapterId,
    environments,
    policy: {
      sweepEveryMs: entry.sweepEvery ?? base.sweepEveryMs,
      refreshBeforeMs: entry.refreshBefore ?? base.refreshBeforeMs,
      refreshAfterAgeMs:
        entry.refreshAfterAge === 'never'
          ? null
          : (entry.refreshAfterAge ?? base.refreshAfterAgeMs),
    },
  };
}
