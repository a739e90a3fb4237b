// Rewrites the SHA-256 list of the libraries in embedded-mongodb/pom.xml after a change of their versions:
// node scripts/pin-libraries.js
// Downloads the libraries into an empty folder, without Maven's local repository. Review the diff before you commit it.
const { execFileSync } = require('node:child_process');
const { createHash } = require('node:crypto');
const { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } = require('node:fs');
const { tmpdir } = require('node:os');
const path = require('node:path');

const FOLDER = path.join(__dirname, '..', 'embedded-mongodb');
const scratch = mkdtempSync(path.join(tmpdir(), 'evergrant-libraries-'));
try {
  const jars = path.join(scratch, 'jars');
  execFileSync(
    'mvn',
    [
      '--batch-mode',
      '--quiet',
      '--strict-checksums',
      `-Dmaven.repo.local=${path.join(scratch, 'repository')}`,
      '--file',
      path.join(FOLDER, 'pom.xml'),
      '--activate-profiles',
      '!tests',
      'org.apache.maven.plugins:maven-dependency-plugin:copy-dependencies',
      `-DoutputDirectory=${jars}`,
    ],
    { stdio: 'inherit' },
  );
  const lines = readdirSync(jars).map((name) => {
    const sha256 = createHash('sha256').update(readFileSync(path.join(jars, name))).digest('hex');
    return `${sha256}  ${name}\n`;
  });
  writeFileSync(path.join(FOLDER, 'libraries.sha256'), lines.join(''));
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
