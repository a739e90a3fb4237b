/** The values that labels may have: a fixed set, so that the number of series is bounded and no value names a customer. */

/** The value in place of any other that is not in the set. */
const OTHER = 'other';

let environmentsByProvider: ReadonlyMap<string, ReadonlySet<string>> = new Map();

export interface ProviderNames {
  id: string;
  environments: readonly string[];
}

/** Allows the configured names as values of the labels `provider` and `environment`. */
export function allowProviders(providers: readonly ProviderNames[]): void {
  environmentsByProvider = new Map(
    providers.map(({ id, environments }) => [id, new Set(environments)]),
  );
}

export function allowedApps(): { provider: string; environment: string }[] {
  return [...environmentsByProvider].flatMap(([provider, environments]) =>
    [...environments].map((environment) => ({ provider, environment })),
  );
}

/** The labels of an OAuth app; a name that is not configured becomes `other`. */
export function appLabels(
  provider: string,
  environment: string | null,
): { provider: string; environment: string } {
  const environments = environmentsByProvider.get(provider);
  if (environments === undefined) return { provider: OTHER, environment: OTHER };
  return {
    provider,
    environment: environment !== null && environments.has(environment) ? environment : OTHER,
  };
}

/** Statuses that OAuth gives a separate meaning. Any other status is shown by its class. */
const STATUSES = new Set([200, 400, 401, 403, 404, 408, 410, 429, 500, 502, 503, 504]);

/** `none`: the request was sent, and no answer arrived. */
export function statusLabel(status: number | null): string {
  if (status === null) return 'none';
  if (STATUSES.has(status)) return String(status);
  return status >= 100 && status < 600 ? `${Math.floor(status / 100)}xx` : OTHER;
}
