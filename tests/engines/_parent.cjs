// Stands for Evergrant in tests: starts one engine, or takes the lock, says so on stdout as a line of
// JSON, and stays until it is killed. Usage: node -r _typescript.cjs _parent.cjs <what> <options as JSON>
'use strict';

const { lockDataDirectory } = require('../../src/engines/data-directory');
const { startMongodb } = require('../../src/engines/mongodb/mongodb');
const { startTemporal } = require('../../src/engines/temporal/temporal');

const [what, json] = process.argv.slice(2);
const options = { ...JSON.parse(json), say: (line) => tell({ said: line }) };
const starts = {
  temporal: () => startTemporal(options),
  mongodb: () => startMongodb(options),
  lock: () => lockDataDirectory(options.dataDir, () => 'its API listens on http://127.0.0.1:4711'),
};

function tell(message) {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}

async function main() {
  try {
    tell({ ready: await starts[what]() });
    setInterval(() => {}, 60_000);
  } catch (error) {
    tell({ failed: error.message });
    process.exitCode = 1;
  }
}

void main();
