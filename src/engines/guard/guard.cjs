// The guard: a small process between Evergrant and one engine, so that the engine ends when Evergrant
// does, even by `kill -9`. Usage: node guard.cjs [NAME=value …] -- command [argument …]
//
// Plain JavaScript, found from the package root, because it must run as it is both from build/ and
// from tests that compile src/ in memory.
'use strict';

const { spawn } = require('node:child_process');

const KILL_AFTER_MS = 10_000;
const POSIX = process.platform !== 'win32';

const separator = process.argv.indexOf('--');
const [command, ...args] = process.argv.slice(separator + 1);
const variables = Object.fromEntries(
  process.argv.slice(2, separator).map((pair) => {
    const equals = pair.indexOf('=');
    return [pair.slice(0, equals), pair.slice(equals + 1)];
  }),
);

const engine = spawn(command, args, {
  // The engine's stdin stays open as long as the guard lives: an engine that watches it (the Java
  // launcher does) even survives the guard's own death in good order. Output goes where ours goes.
  stdio: ['pipe', 'inherit', 'inherit'],
  // A group of its own, so that what the engine starts (compilers, a JVM behind a script) ends with it.
  detached: POSIX,
  windowsHide: true,
  env: { ...process.env, ...variables },
});
engine.stdin?.on('error', () => {});

let stopping = false;

function stop() {
  if (stopping) return;
  stopping = true;
  signal('SIGTERM');
  setTimeout(() => signal('SIGKILL'), KILL_AFTER_MS).unref();
}

function signal(name) {
  if (engine.pid === undefined) return; // it could not be started
  try {
    if (POSIX) process.kill(0 - engine.pid, name);
    else engine.kill(name);
  } catch {
    // Already gone, which is what was asked for.
  }
}

/** Tells the parent, if there still is one, and ends. */
function finish(message) {
  if (!process.connected) process.exit(0);
  process.send(message, () => process.exit(0));
}

engine.on('spawn', () => {
  if (process.connected) process.send({ started: engine.pid });
});
engine.on('error', (error) => finish({ failed: error.message, code: error.code }));
engine.on('exit', (code, signalName) => {
  signal('SIGKILL'); // what is left of its group
  finish({ ended: { code, signal: signalName } });
});

process.on('disconnect', stop); // the parent died
process.on('message', stop); // the parent asks
for (const name of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(name, stop);
