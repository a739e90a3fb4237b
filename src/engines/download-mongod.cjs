// Finds or downloads a mongod with mongodb-memory-server: node download-mongod.cjs <folder>
// Prints "mongod at <path>".
//
// A process of its own, because a download that hangs can only be given up by ending it.
'use strict';

const { MongoBinary } = require('mongodb-memory-server-core/lib/util/MongoBinary');

MongoBinary.getPath({ downloadDir: process.argv[2] }).then(
  (path) => process.stdout.write(`mongod at ${path}\n`),
  (error) => {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  },
);
