/** The script that pins images, with a `docker` that knows a digest of every image. */
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { repository } from './compose-file';

const DIGEST = `sha256:${'0123456789abcdef'.repeat(4)}`;

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'evergrant-pin-'));
  for (const file of ['Dockerfile', 'docker-compose.yml'])
    copyFileSync(join(repository, file), join(directory, file));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function pin(answer: string): void {
  writeFileSync(join(directory, 'docker'), `#!/bin/sh\necho '${answer}'\n`, { mode: 0o755 });
  execFileSync(process.execPath, [join(repository, 'scripts', 'pin-images.js')], {
    cwd: directory,
    env: { PATH: `${directory}:${process.env['PATH']}` },
    stdio: 'pipe',
  });
}

const images = (): string[] =>
  ['Dockerfile', 'docker-compose.yml'].flatMap((file) =>
    [...readFileSync(join(directory, file), 'utf8').matchAll(/^\s*(?:FROM|image:) +(\S+)/gm)].map(
      ([, image = '']) => image,
    ),
  );

it('pin-images adds a digest to every pulled image once, after its version', () => {
  const pulled = images().filter((image) => image.includes(':') && !image.startsWith('evergrant:'));
  expect(pulled.length).toBeGreaterThanOrEqual(6);
  for (let times = 0; times < 2; times += 1) {
    pin(DIGEST);
    const pinned = images().filter((image) => image.includes('@'));
    expect(pinned).toEqual(
      pulled.map((image) => (image.includes('@') ? image : `${image}@${DIGEST}`)),
    );
  }
});

it('pin-images changes nothing if the registry returns no digest', () => {
  const before = images();
  expect(() => pin('sha256:none')).toThrow(/no digest of/);
  expect(images()).toEqual(before);
});
