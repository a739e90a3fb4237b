// Completes package-lock.json after `npm install`, which leaves out other platforms' optional binaries where a registry
// mirrors only some: `npm ci` refuses a lockfile in which one is missing, and cannot check one without a hash. Versions
// and hashes come from the registry's metadata. Run it after every change of dependencies:
//   node scripts/complete-lockfile.js
const { execFile } = require('node:child_process');
const { readFileSync, writeFileSync } = require('node:fs');
const { promisify } = require('node:util');

const OS = { android: 'android', darwin: 'darwin', freebsd: 'freebsd', linux: 'linux', openharmony: 'openharmony', win32: 'win32' };
const CPU = ['arm64', 'x64', 'ia32', 'arm', 'ppc64', 'riscv64', 's390x', 'loong64'];
/** Concurrent requests to the registry. */
const AT_ONCE = 8;

const lock = JSON.parse(readFileSync('package-lock.json', 'utf8'));

let added = 0;
for (const [parent, meta] of Object.entries(lock.packages)) {
  for (const [name, version] of Object.entries(meta.optionalDependencies ?? {})) {
    const place = `node_modules/${name}`;
    if (lock.packages[place] ?? lock.packages[`${parent}/${place}`]) continue;
    const parts = name.split(/[/-]/);
    const os = parts.map((part) => OS[part]).find(Boolean);
    const cpu = parts.map((part) => CPU.find((known) => part === known)).find(Boolean);
    if (!os || !cpu || !/^\d/.test(version)) throw new Error(`cannot tell the platform of ${name}@${version}`);
    const libc = os !== 'linux' ? {} : { libc: [parts.some((part) => part.startsWith('musl')) ? 'musl' : 'glibc'] };
    lock.packages[place] = { version, cpu: [cpu], ...(meta.dev ? { dev: true } : {}), ...libc, optional: true, os: [os] };
    added += 1;
  }
}

async function hashOf(name, version) {
  const { stdout } = await promisify(execFile)('npm', ['view', '--json', `${name}@${version}`, 'dist.integrity']);
  const hash = JSON.parse(stdout);
  if (typeof hash !== 'string' || !hash.startsWith('sha512-')) throw new Error(`the registry has no hash of ${name}@${version}`);
  return hash;
}

async function main() {
  const unhashed = Object.entries(lock.packages).filter(([place, { link, integrity }]) => place !== '' && !link && !integrity);
  let hashed = 0;
  const next = async () => {
    for (let entry = unhashed.pop(); entry !== undefined; entry = unhashed.pop()) {
      const [place, meta] = entry;
      const name = meta.name ?? place.split('node_modules/').at(-1);
      const integrity = await hashOf(name, meta.version);
      // npm writes it directly after the version.
      const { version, ...others } = meta;
      lock.packages[place] = { version, integrity, ...others };
      hashed += 1;
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, next));
  lock.packages = Object.fromEntries(Object.entries(lock.packages).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  writeFileSync('package-lock.json', `${JSON.stringify(lock, null, 2)}\n`);
  process.stdout.write(`${added} entries added, ${hashed} hashes added\n`);
}

void main();
