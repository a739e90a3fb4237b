/** The facts by which a process names itself to monitoring: the version of the package, and its role. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export type ProcessRole = 'api' | 'worker' | 'all-in-one';

/** The version of the package, whose `package.json` stands beside both `src/` and `build/`. */
export function packageVersion(): string {
  const parsed: unknown = JSON.parse(
    readFileSync(join(__dirname, '..', '..', 'package.json'), 'utf8'),
  );
  const isPackage = typeof parsed === 'object' && parsed !== null && 'version' in parsed;
  return isPackage ? String(parsed.version) : 'unknown';
}
