/** Chooses the path of a server's Unix domain socket, in a folder that only its user can enter. */
import { createHash } from 'node:crypto';
import { chmod, lstat, mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Maximum length of a socket path in bytes: 103 on macOS, 107 on Linux. Node.js cannot listen on a longer path. */
const PATH_BYTES_MAX = 103;

/** Creates the folder, or removes all permissions of other users from an existing one. */
export async function privateFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await chmod(folder, 0o700);
}

/**
 * Returns a path in the given folder, or, if that is too long for a socket, in a private folder inside the system's
 * temporary folder.
 *
 * @throws if the private folder belongs to another user, or other users can enter it.
 */
export async function socketPath(folder: string, name: string): Promise<string> {
  const inFolder = join(folder, name);
  if (fits(inFolder)) return inFolder;
  const hash = createHash('sha256').update(folder).digest('hex').slice(0, 16);
  const short = join(tmpdir(), `evergrant-${hash}`);
  await mkdir(short, { mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
  // Another user may have created the folder first, or a link to another folder.
  const { mode, uid } = await lstat(short);
  const isPrivate = (mode & 0o170000) === 0o040000 && (mode & 0o077) === 0;
  if (!isPrivate || uid !== process.getuid?.()) {
    throw new Error(
      `${short}, the folder for the socket of ${folder}, can be entered by other users. Remove it, or set DATA_DIR to a shorter path`,
    );
  }
  const path = join(short, name);
  if (!fits(path))
    throw new Error(`${path} is too long for a socket. Set DATA_DIR to a shorter path`);
  return path;
}

/** mongod reads a comma-separated list of addresses, so the path must not contain a comma. */
function fits(path: string): boolean {
  return Buffer.byteLength(path) <= PATH_BYTES_MAX && !path.includes(',');
}
