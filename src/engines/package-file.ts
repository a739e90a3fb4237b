/** Files that are used without compilation: the guard, the Go module, the embedded MongoDB server. */
import { resolve } from 'node:path';

// This file is two folders below the package root in src/engines and in build/engines.
const PACKAGE_ROOT = resolve(__dirname, '../..');

/** Returns the absolute path of a file of the package. */
export function packageFile(path: string): string {
  return resolve(PACKAGE_ROOT, path);
}
