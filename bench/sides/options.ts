/** Parses the options of a bench's command line. */
import { TEMPORALS, type TemporalKind } from './engines';

/** @throws with the option's name if the value is not a whole number or is too small */
export function whole(name: string, text: string, least: number): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < least)
    throw new Error(`--${name} must be a whole number of at least ${least}, not "${text}"`);
  return number;
}

/** Comma-separated whole numbers. */
export function wholes(name: string, text: string, least: number): number[] {
  return text.split(',').map((one) => whole(name, one, least));
}

/** @throws if the kind is unknown */
export function temporalKind(text: string): TemporalKind {
  const kind = TEMPORALS.find((known) => known === text);
  if (kind === undefined)
    throw new Error(`--temporal must be one of ${TEMPORALS.join(', ')}, not "${text}"`);
  return kind;
}

/** Comma-separated kinds. */
export function temporalKinds(text: string): TemporalKind[] {
  return text.split(',').map(temporalKind);
}
