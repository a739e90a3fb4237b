/** Formats times and durations for people. */

/** Formats a time as `2026-11-22 12:00:00 UTC`. */
export function momentText(at: Date): string {
  return `${at.toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}

const SECOND = { ms: 1_000, name: 's' } as const;
const UNITS = [
  { ms: 24 * 3600_000, name: 'd' },
  { ms: 3600_000, name: 'h' },
  { ms: 60_000, name: 'min' },
  SECOND,
] as const;

/** Formats `90_000` as `1 min 30 s`: the two largest units, rounded to the smaller one. Also `1.2 s`, `340 ms`. */
export function duration(ms: number): string {
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  if (ms < 9_950) return `${Math.round(ms / 100) / 10} s`;
  const largest = UNITS.findIndex((unit) => ms >= unit.ms);
  const smaller = UNITS[largest + 1] ?? SECOND;
  // Rounding must come first, so that 59 min 59.7 s becomes 1 h.
  let rest = Math.round(ms / smaller.ms) * smaller.ms;
  const parts: string[] = [];
  for (const unit of UNITS) {
    const count = Math.floor(rest / unit.ms);
    rest -= count * unit.ms;
    if (count > 0) parts.push(`${count} ${unit.name}`);
  }
  return parts.join(' ');
}

/** Formats `600_000` as `10m` and `90_000` as `90s`: exact, in the syntax of configuration, API and forms. */
export function asConfigured(ms: number): string {
  const unit = UNITS.find((one) => ms % one.ms === 0);
  return unit === undefined ? `${ms}ms` : `${ms / unit.ms}${unit.name[0]}`;
}
