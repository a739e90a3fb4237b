/**
 * Normalises and checks the external id, which identifies an account at its provider. Every code path normalises it
 * before storing or looking up, so that one account has one external id.
 */
import { codePoint } from '../domain/account/token-text';
import type { ProviderAdapter } from './provider';

/** @returns the external id as stored; `null` if it cannot belong to this provider */
export function normalizedExternalId(
  externalId: string,
  { accountHost }: Pick<ProviderAdapter, 'accountHost'>,
): string | null {
  const text = plainName(externalId);
  return accountHost === undefined ? text : accountHost(text);
}

/** Removes surrounding white space and applies Unicode NFC, so that names that look equal are equal. */
export function plainName(name: string): string {
  return name.normalize('NFC').trim();
}

/** @returns why a text cannot be an external id; `null` if it can be one */
export function externalIdProblem(externalId: string): string | null {
  const control = /\p{Cc}/u.exec(externalId.trim());
  return control === null
    ? null
    : `contains the control character ${codePoint(control[0])}: check how it was exported`;
}

/** @returns signs that an external id was damaged in transfer, each as the end of a sentence about it */
export function externalIdWarnings(externalId: string): string[] {
  const warnings: string[] = [];
  if (/^\d(?:[.,]\d+)?e\+?\d+$/i.test(externalId))
    warnings.push(
      'looks like a long number that a spreadsheet rounded: format the column as text and export it again',
    );
  if (/\p{Cf}/u.test(externalId)) warnings.push('contains an invisible character');
  return [...warnings, ...lostCharacterWarnings(externalId)];
}

/** @returns a warning if a program replaced an unreadable character with U+FFFD */
export function lostCharacterWarnings(name: string): string[] {
  return name.includes('\uFFFD')
    ? ['contains U+FFFD, which replaces a character that an earlier conversion lost']
    : [];
}
