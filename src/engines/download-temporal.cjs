// Makes the Temporal SDK download its dev server: node download-temporal.cjs <folder>
//
// A process of its own, because the SDK offers the download only together with a start, sets up its
// process-wide runtime for it, and cannot be told to give up.
'use strict';

const { TestWorkflowEnvironment } = require('@temporalio/testing');

async function main() {
  const environment = await TestWorkflowEnvironment.createLocal({
    server: { executable: { type: 'cached-download', downloadDir: process.argv[2] } },
  });
  await environment.teardown();
}

main().catch((error) => {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
});
