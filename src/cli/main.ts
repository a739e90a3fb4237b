#!/usr/bin/env node
/** Entry point of the `evergrant` command: parses the arguments, runs a command, and exits with 0, 1 or 2. */
import { CommanderError } from 'commander';
import { packageVersion } from '../process/version';
import { createApiClient } from './api-client';
import { COMMANDS } from './commands';
import { readCredentials } from './credentials';
import { CommandFailed, UsageError, WrongUsage } from './errors';
import { createOutput, type Format } from './output';
import { type Call, createProgram } from './program';
import { loadMongodbUri, loadSettings } from './settings';

/** Prints the help and the errors of usage. A command prints in the format of its options. */
const messages = createOutput(process.stdout, process.stderr, 'table');

async function run(args: string[]): Promise<number> {
  let exitCode: 0 | 1 = 0;
  let called = 'evergrant';
  const program = createProgram(COMMANDS, {
    version: packageVersion(),
    write: (text) => messages.line(text.trimEnd()),
    async run(call) {
      called = ['evergrant', ...call.command.words].join(' ');
      exitCode = await runCommand(call);
    },
  });
  try {
    await program.parseAsync(args, { from: 'user' });
    return exitCode;
  } catch (error) {
    // Commander ends --help and --version with an error.
    if (error instanceof CommanderError) return error.exitCode;
    if (error instanceof UsageError) {
      const { path, help } = error instanceof WrongUsage ? error : { path: called, help: null };
      messages.remark(`evergrant: ${error.message}`);
      messages.remark(help === null ? `See: ${path} --help` : `\n${help.trimEnd()}`);
      return 2;
    }
    if (error instanceof CommandFailed) {
      messages.remark(`evergrant: ${error.message}`);
      return 1;
    }
    throw error;
  }
}

function runCommand({ command, options, positionals }: Call): Promise<0 | 1> {
  const format = options.word<Format>('output');
  if (options.isSet('json') && format !== undefined && format !== 'json')
    throw new UsageError('use either --json or --output');
  const wanted = options.isSet('json') ? 'json' : (format ?? 'table');
  const out = createOutput(process.stdout, process.stderr, wanted);
  const given = { out, options, positionals };
  if ('runOnDatabase' in command)
    return command.runOnDatabase({ ...given, mongodbUri: loadMongodbUri() });
  if ('runLocally' in command) return command.runLocally({ ...given, commands: COMMANDS });
  const settings = loadSettings(process.env, readCredentials);
  return command.run({ ...given, api: createApiClient(settings) });
}

// `evergrant … | head` closes the pipe early, which is not an error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

async function main(): Promise<void> {
  // `process.exit` would discard output that is not written yet.
  process.exitCode = await run(process.argv.slice(2));
}

void main();
