/** Finds `prometheus` and `promtool`: on PATH, or in Debian's package, which is unpacked and not installed. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { delimiter, join } from 'node:path';

export interface Programs {
  prometheus: string;
  promtool: string;
}

const INSTALL_WITHIN_MS = 5 * 60_000;

/** @param cacheDir keeps the unpacked package for later runs */
export function prometheusPrograms(cacheDir: string): Programs {
  const unpacked = join(cacheDir, 'prometheus', 'usr', 'bin');
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), unpacked];
  const found = folders.find((folder) =>
    ['prometheus', 'promtool'].every((name) => existsSync(join(folder, name))),
  );
  if (found === undefined) unpackDebianPackage(join(cacheDir, 'prometheus'));
  const folder = found ?? unpacked;
  return { prometheus: join(folder, 'prometheus'), promtool: join(folder, 'promtool') };
}

/** An installed package would also start a service, which listens on all addresses. */
function unpackDebianPackage(target: string): void {
  const staging = `${target}.${process.pid}`;
  rmSync(staging, { recursive: true, force: true });
  mkdirSync(staging, { recursive: true });
  try {
    run('apt-get', ['update', '-q'], staging);
    run('apt-get', ['download', '-q', 'prometheus'], staging);
    const [file] = readdirSync(staging).filter((name) => name.endsWith('.deb'));
    if (file === undefined) throw new Error('apt-get download brought no package');
    run('dpkg-deb', ['-x', file, 'files'], staging);
    rmSync(target, { recursive: true, force: true });
    renameSync(join(staging, 'files'), target);
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
}

function run(command: string, args: string[], cwd: string): void {
  const { status, stderr, error } = spawnSync(command, args, {
    cwd,
    encoding: 'utf8',
    timeout: INSTALL_WITHIN_MS,
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  });
  if (status === 0) return;
  throw new Error(
    `Neither PATH nor Debian's packages have prometheus and promtool. Install Prometheus. ${command}: ${error?.message ?? stderr}`,
  );
}
