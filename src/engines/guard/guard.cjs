// The guard: a small process between Evergrant and one embedded server. It ends the server when Evergrant ends, even
// after `kill -9`. Usage: node guard.cjs [NAME=value …] -- command [argument …]
//
// Plain JavaScript that is found from the package root, because it must run unchanged from build/ and from tests that
// compile src/ in memory.
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

const server = spawn(command, args, {
  // The server's stdin stays open as long as the guard lives. The Java launcher watches it, and so stops in order even
  // if the guard is killed. The output goes to the guard's output.
  stdio: ['pipe', 'inherit', 'inherit'],
  // A separate process group, so that processes of the server (compilers, a JVM behind a script) end with it.
  detached: POSIX,
  windowsHide: true,
  env: { ...process.env, ...variables },
});
server.stdin?.on('error', () => {});

let stopping = false;

function stop() {
  if (stopping) return;
  stopping = true;
  signal('SIGTERM');
  setTimeout(() => signal('SIGKILL'), KILL_AFTER_MS).unref();
}

function signal(name) {
  if (server.pid === undefined) return; // the start failed
  try {
    if (POSIX) process.kill(0 - server.pid, name);
    else server.kill(name);
  } catch {
    // The process has already ended.
  }
}

/** Sends the message to the parent, if it is still connected, and exits. */
function finish(message) {
  if (!process.connected) process.exit(0);
  process.send(message, () => process.exit(0));
}

server.on('spawn', () => {
  if (process.connected) process.send({ started: server.pid });
});
server.on('error', (error) => finish({ failed: error.message, code: error.code }));
server.on('exit', (code, signalName) => {
  signal('SIGKILL'); // the rest of its process group
  finish({ ended: { code, signal: signalName } });
});

process.on('disconnect', stop); // the parent died
process.on('message', stop); // the parent requests a stop
for (const name of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(name, stop);
