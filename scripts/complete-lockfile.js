// Completes package-lock.json after `npm install` against a registry that mirrors only some platforms: `npm ci`
// refuses a lockfile in which another platform's optional binary is missing. Run it after every change of dependencies:
//   node scripts/complete-lockfile.js
const { readFileSync, writeFileSync } = require('node:fs');

const OS = { android: 'android', darwin: 'darwin', freebsd: 'freebsd', linux: 'linux', openharmony: 'openharmony', win32: 'win32' };
const CPU = ['arm64', 'x64', 'ia32', 'arm', 'ppc64', 'riscv64', 's390x', 'loong64'];

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
lock.packages = Object.fromEntries(Object.entries(lock.packages).toSorted(([a], [b]) => (a < b ? -1 : 1)));
writeFileSync('package-lock.json', `${JSON.stringify(lock, null, 2)}\n`);
process.stdout.write(`${added} entries added\n`);
