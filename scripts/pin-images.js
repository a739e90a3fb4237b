// Pins the images of Dockerfile and docker-compose.yml by digest, in addition to their versions: `node
// scripts/pin-images.js`. Needs docker and access to the registry. Pinned images stay unchanged.
const { execFileSync } = require('node:child_process');
const { readFileSync, writeFileSync } = require('node:fs');

/** The image of Evergrant is built, not pulled; a stage has no tag. */
const IMAGE = /^(\s*(?:FROM|image:) +)((?!evergrant:)[\w./-]+:[\w.-]+)(?=\s|$)/gm;
const digests = new Map();

function digestOf(image) {
  const known = digests.get(image);
  if (known !== undefined) return known;
  const command = ['buildx', 'imagetools', 'inspect', image, '--format', '{{.Manifest.Digest}}'];
  const digest = execFileSync('docker', command, { encoding: 'utf8' }).trim();
  if (!/^sha256:[0-9a-f]{64}$/.test(digest)) throw new Error(`no digest of ${image}: ${digest}`);
  digests.set(image, digest);
  return digest;
}

for (const file of ['Dockerfile', 'docker-compose.yml']) {
  const text = readFileSync(file, 'utf8');
  const pinned = text.replaceAll(IMAGE, (_, before, image) => `${before}${image}@${digestOf(image)}`);
  writeFileSync(file, pinned);
}
for (const [image, digest] of digests) process.stdout.write(`${image}@${digest}\n`);
