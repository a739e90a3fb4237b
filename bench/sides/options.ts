/** What is read from a bench's command line. */
import { TEMPORALS, type TemporalKind } from './engines';

/** @throws with the option's name, where it is no whole number or too small */
export function whole(name: string, text: string, least: number): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < least)
    throw new Error(`--${name} must be a whole number from ${least} on, not "${text}"`);
  return number;
}

/** Whole numbers with commas between them. */
export function wholes(name: string, text: string, least: number): number[] {
  return text.split(',').map((one) => whole(name, one, least));
}

/** @throws where there is no such */
export function temporalKind(text: string): TemporalKind {
  const kind = TEMPORALS.find((known) => known === text);
  if (kind === undefined)
    throw new Error(`--temporal must be one of ${TEMPORALS.join(', ')}, not "${text}"`);
  return kind;
}

/** As above, with commas between them. */
export function temporalKinds(text: string): TemporalKind[] {
  return text.split(',').map(temporalKind);
}
