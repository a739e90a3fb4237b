// Files that are used as they are, not compiled: the guard, the download scripts, the Java launcher.
import { resolve } from 'node:path';

// This file is two folders below the package root both in src/engines and in build/engines.
const PACKAGE_ROOT = resolve(__dirname, '../..');

/** The absolute path of a file given by its path inside the package. */
export function packageFile(path: string): string {
  return resolve(PACKAGE_ROOT, path);
}
