/**
 * Values beside the tokens that applications need, such as the base of the API. They are stored and shown unmasked, so
 * nothing that is or contains a secret is kept.
 */
import type { ProviderValues } from '../../domain/account/grant';
import { PROVIDER_VALUE_LENGTH_MAX } from '../../domain/account/grant-bounds';
import { type Members, valueAt } from './answer-members';

/** Names whose values are secrets. A provider file that keeps one of them is not valid. */
const SECRET_NAME =
  /token|secret|password|passphrase|credential|assertion|verifier|jwt|(?:api|access|private|signing)[_-]?key|^code$|^state$/i;

/** Whether a member or a parameter may hold a secret, by its name or that of an enclosing member. */
export function isSecretName(path: string): boolean {
  return path.split('.').some((name) => SECRET_NAME.test(name));
}

/** @returns the values by their paths, and the paths whose values cannot be kept */
export function keptMembers(
  paths: readonly string[],
  members: Members,
  secrets: readonly string[],
): { values: ProviderValues; dropped: string[] } {
  const stated = paths.flatMap((path): [string, unknown][] => {
    const value = valueAt(members, path);
    return value === undefined || value === null ? [] : [[path, value]];
  });
  const texts = stated.map(([path, value]) => [path, keptText(value, secrets)] as const);
  return {
    values: Object.fromEntries(
      texts.flatMap(([path, text]) => (text === null ? [] : [[path, text]])),
    ),
    dropped: texts.flatMap(([path, text]) => (text === null ? [path] : [])),
  };
}

/** The text of a value; `null`: it cannot be kept. */
export function keptText(value: unknown, secrets: readonly string[]): string | null {
  if (!['string', 'number', 'boolean'].includes(typeof value)) return null;
  const text = String(value);
  const isKept =
    text.length <= PROVIDER_VALUE_LENGTH_MAX &&
    !secrets.some((secret) => secret !== '' && text.includes(secret));
  return isKept ? text : null;
}
