/** Reads `providers.yaml` and substitutes secrets from the environment. */
import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { parse as parseYaml, YAMLParseError } from 'yaml';
import { z } from 'zod';
import { type ProviderConfig, readProvider } from './provider-entry';

const providersSchema = z.strictObject({
  providers: z.record(z.string(), z.unknown()).nullable().optional(),
});

export {
  defaultPolicy,
  type EnvironmentConfig,
  type ProviderConfig,
  secureUrl,
  validationInterval,
} from './provider-entry';

/** In the working directory. */
const DEFAULT_FILE = 'providers.yaml';

type Environment = Readonly<Record<string, string>>;

export interface ProvidersFile {
  providers: ProviderConfig[];
  /** Entries for which no `${NAME}` is set. */
  unconfigured: { id: string; missing: string[] }[];
}

/** Reads the file named by PROVIDERS_FILE, or `./providers.yaml`, and adds each problem to `problems`. */
export function readProviders(
  set: Environment,
  refreshIntervalMs: number | null,
  problems: string[],
): ProvidersFile {
  const path = set['PROVIDERS_FILE'];
  const file = readProvidersFile(path, problems);
  const folder = dirname(path ?? DEFAULT_FILE);
  const address = set['PUBLIC_URL'];
  // The configuration of the process reports an address that is not valid.
  const publicUrl = address !== undefined && URL.canParse(address) ? new URL(address) : null;
  const providers: ProviderConfig[] = [];
  const unconfigured: ProvidersFile['unconfigured'] = [];
  for (const [id, raw] of Object.entries(file)) {
    const { value, missing, used } = substitute(raw, set);
    if (missing.length > 0 && used.size === 0) unconfigured.push({ id, missing });
    else if (missing.length > 0) {
      problems.push(`providers.${id}: ${missing.join(' and ')} must be set in the environment`);
    } else {
      const own: string[] = [];
      const context = { folder, publicUrl };
      const provider = readProvider(id, value, refreshIntervalMs, own, context);
      if (provider !== null) providers.push(provider);
      problems.push(...own.map((problem) => withNames(problem, used)));
    }
  }
  return { providers, unconfigured };
}

function readProvidersFile(path: string | undefined, problems: string[]): Record<string, unknown> {
  const file = path ?? DEFAULT_FILE;
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
    problems.push(`${file}: must contain "providers:" with one entry per provider`);
  } catch (error) {
    // The parser's message quotes the line, which may contain a secret.
    const line = error instanceof YAMLParseError ? error.linePos?.[0].line : undefined;
    problems.push(`${file} is not valid YAML${line === undefined ? '' : `: see line ${line}`}`);
  }
  return {};
}

/** Replaces `${NAME}` with the environment variable, so that the file need not contain secrets. */
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

/** A value from the environment may be a secret in the wrong member, so its variable name is shown instead. */
function withNames(problem: string, used: ReadonlyMap<string, string>): string {
  let shown = problem;
  for (const [name, value] of used) shown = shown.replaceAll(value, `\${${name}}`);
  return shown;
}
