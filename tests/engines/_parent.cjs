// A parent process in place of Evergrant: starts one embedded server or takes the lock, reports it as a line of JSON on
// stdout, and runs until it is killed. Usage: node -r _typescript.cjs _parent.cjs <what> <options as JSON>
'use strict';

const { lockDataDirectory } = require('../../src/engines/data-directory');
const { startMongodb } = require('../../src/engines/mongodb/mongodb');
const { startTemporal } = require('../../src/engines/temporal/temporal');

const [what, json] = process.argv.slice(2);
const options = { ...JSON.parse(json), log: (line) => report({ line }) };
const starts = {
  temporal: () => startTemporal(options),
  mongodb: () => startMongodb(options),
  lock: () => lockDataDirectory(options.dataDir, () => 'its API listens on http://127.0.0.1:4711'),
};

function report(message) {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}

async function main() {
  try {
    report({ ready: await starts[what]() });
    setInterval(() => {}, 60_000);
  } catch (error) {
    report({ failed: error.message });
    process.exitCode = 1;
  }
}

void main();
