/** Maps the accounts of another system's export to providers of providers.yaml, by `--map` and `--provider`. */
import type { Options } from './command';
import { UsageError } from './errors';
import type { ExportedAccount } from './import-sources/exported-entry';
import { entryName } from './import-sources/fields';

/** Maximum number of provider names or client ids in one message. */
const NAMES_SHOWN_MAX = 10;

/** A provider of providers.yaml. Without an environment, the provider's default applies. */
export interface Target {
  provider: string;
  environment?: string | undefined;
}

export type TargetOf = (account: ExportedAccount) => Target | undefined;

/** Applies `--map` by client id, then by provider name, then `--provider`, then a provider of the same name. */
export function targetsOf(options: Options, accounts: readonly ExportedAccount[]): TargetOf {
  const all = options.text('provider');
  const given = new Map(options.texts('map').map(parseMap));
  const found = new Map<string, number>();
  for (const { provider = '', clientId } of accounts) {
    found.set(provider, (found.get(provider) ?? 0) + 1);
    if (clientId !== undefined) found.set(clientId, (found.get(clientId) ?? 0) + 1);
  }
  const named = new Set(accounts.map(({ provider = '' }) => provider));
  const namesFound = [...named].map((name) => counted(name, found.get(name) ?? 0));
  for (const theirs of given.keys())
    if (!found.has(theirs))
      throw new UsageError(
        `--map: the export has no provider or client id "${printableName(theirs)}". It has: ${shownNames(namesFound)}`,
      );
  const targetOf: TargetOf = ({ provider, clientId }) => {
    const mapped =
      (clientId === undefined ? undefined : given.get(clientId)) ?? given.get(provider ?? '');
    return mapped ?? (all === undefined ? own(provider) : parseTarget(all, '--provider'));
  };
  if (accounts.some((account) => targetOf(account) === undefined))
    throw new UsageError(
      '--provider <name> is required, because the export does not name the provider of every account',
    );
  return targetOf;
}

function own(provider: string | undefined): Target | undefined {
  return provider === undefined || provider === '' ? undefined : { provider };
}

function parseMap(pair: string): [string, Target] {
  const at = pair.lastIndexOf('=');
  if (at < 1)
    throw new UsageError(`--map must be <exported name>=<provider>, not "${printableName(pair)}"`);
  return [pair.slice(0, at), parseTarget(pair.slice(at + 1), '--map')];
}

function parseTarget(written: string, option: string): Target {
  const [provider = '', environment, more] = written.split('/');
  if (provider === '' || environment === '' || more !== undefined)
    throw new UsageError(
      `${option} must name a provider of providers.yaml, as <provider> or <provider>/<environment>`,
    );
  return { provider, environment };
}

/** Returns the name, or its length if the name is long or has unusual characters. */
export function printableName(name: string): string {
  return entryName('', name).trimStart() || `(${name.length} characters)`;
}

export function counted(name: string, count: number): string {
  const shown = name === '' ? '(no name)' : printableName(name);
  return `${shown} (${count === 1 ? '1 entry' : `${count} entries`})`;
}

export function shownNames(names: readonly string[]): string {
  const shown = names.slice(0, NAMES_SHOWN_MAX).join(', ');
  const more = names.length - NAMES_SHOWN_MAX;
  return more > 0 ? `${shown} and ${more} more` : shown;
}
