/** OAuth apps whose credentials do not permit validation: logged once, then not tried again for a day. */
import type { RefreshFailureCode } from '../domain/refresh/refresh-failure';
import type { Provider, ProviderEnvironment } from '../providers/provider';
import type { RefreshDependencies } from '../refresh/dependencies';

/** How long, in ms, a validation that the OAuth app or an account's own client may not make is not tried again. */
export const PUT_OFF_MS = 24 * 3600_000;

/** The failures that concern the OAuth app rather than one account. */
const OF_THE_APP: ReadonlySet<RefreshFailureCode> = new Set<RefreshFailureCode>([
  'validation_not_allowed',
  'validation_not_supported',
]);

export function isOfTheApp(code: RefreshFailureCode): boolean {
  return OF_THE_APP.has(code);
}

/** @returns whether this was not known yet, so that only the first account of the app writes the entry */
export async function putOffValidation(
  { store, now }: Pick<RefreshDependencies, 'store' | 'now'>,
  provider: Provider,
  environment: string,
): Promise<boolean> {
  const at = now();
  const until = new Date(at.getTime() + PUT_OFF_MS);
  const app = appOf(provider, environment, provider.environments.get(environment));
  return store.settings.putOffValidation(app, { now: at, until });
}

/** @param environment restricts the search to one environment; `null`: all of them */
export async function environmentsPutOff(
  { store, now }: Pick<RefreshDependencies, 'store' | 'now'>,
  provider: Provider,
  environment: string | null,
): Promise<string[]> {
  const found = await Promise.all(
    [...provider.environments]
      .filter(([name]) => environment === null || name === environment)
      .map(async ([name, one]) => {
        const isPutOff = await store.settings.isValidationPutOff(appOf(provider, name, one), now());
        return isPutOff ? [name] : [];
      }),
  );
  return found.flat();
}

/** Includes the endpoint, so that a newly configured endpoint is tried at once. */
function appOf(
  { id }: Provider,
  environment: string,
  configured: ProviderEnvironment | undefined,
): string {
  return `${id}/${environment}/${configured?.validation?.shown({ externalId: '' }) ?? ''}`;
}
