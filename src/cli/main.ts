#!/usr/bin/env node
/** Entry point of the `evergrant` command: parses the arguments, runs a command, and exits with 0, 1 or 2. */
import { parseArgs } from 'node:util';
import { missingArgument } from '../domain/text/messages';
import { createApiClient } from './api-client';
import { type Command, Options } from './command';
import { COMMANDS } from './commands';
import { CommandFailed, UsageError } from './errors';
import { commandHelp, generalHelp, positionalsText } from './help';
import { createOutput } from './output';
import { loadMongodbUri, loadSettings } from './settings';

async function run(args: string[]): Promise<0 | 1 | 2> {
  const out = createOutput(process.stdout, process.stderr);
  const wantsHelp = args.includes('--help') || args.includes('-h');
  const command = commandOf(args);
  if (command === undefined) {
    const given = args.filter((arg) => !arg.startsWith('-'));
    const group = COMMANDS.filter(({ words }) => given.length > 0 && words[0] === given[0]);
    if (wantsHelp && (given.length === 0 || group.length > 0)) {
      out.line(generalHelp(group.length > 0 ? group : COMMANDS));
      return 0;
    }
    if (given.length > 0 && group.length === 0)
      out.remark(`evergrant: unknown command "${given.join(' ')}"\n`);
    out.remark(generalHelp(group.length > 0 ? group : COMMANDS));
    return 2;
  }
  if (wantsHelp) {
    out.line(commandHelp(command));
    return 0;
  }
  try {
    const { values, positionals } = parse(command, args.slice(command.words.length));
    const options = new Options(values);
    const given = { out, json: options.isSet('json'), options, positionals };
    return 'runOnDatabase' in command
      ? await command.runOnDatabase({ ...given, mongodbUri: loadMongodbUri() })
      : await command.run({ ...given, api: createApiClient(loadSettings()) });
  } catch (error) {
    if (error instanceof UsageError) {
      out.remark(`evergrant: ${error.message}`);
      out.remark(`See: evergrant ${command.words.join(' ')} --help`);
      return 2;
    }
    if (error instanceof CommandFailed) {
      out.remark(`evergrant: ${error.message}`);
      return 1;
    }
    throw error;
  }
}

/** Returns the command whose words begin the arguments. If several do, the longest one wins. */
function commandOf(args: string[]): Command | undefined {
  return COMMANDS.filter(({ words }) => words.every((word, at) => args[at] === word)).toSorted(
    (a, b) => b.words.length - a.words.length,
  )[0];
}

function parse(
  { options = {}, positionals = [], rest }: Command,
  args: string[],
): { values: Record<string, unknown>; positionals: string[] } {
  let found: { values: Record<string, unknown>; positionals: string[] };
  try {
    found = parseArgs({
      args,
      allowPositionals: true,
      options: {
        json: { type: 'boolean' },
        ...Object.fromEntries(
          Object.entries(options).map(([name, { type, multiple, short }]) => [
            name,
            {
              type,
              ...(multiple === undefined ? {} : { multiple }),
              ...(short === undefined ? {} : { short }),
            },
          ]),
        ),
      },
    });
  } catch (error) {
    // The first sentence of Node's message names the option; the rest is advice for programmers.
    const [problem = 'invalid options'] = error instanceof Error ? error.message.split('. ') : [];
    throw new UsageError(problem);
  }
  const given = found.positionals;
  if (given.includes('')) throw new UsageError('an argument is empty');
  const missing = positionals.slice(given.length);
  if (missing.length > 0) throw new UsageError(missingArgument(positionalsText(missing)));
  // Does not print the arguments, because one of them may be a token that was meant for standard input.
  if (rest === undefined && given.length > positionals.length) {
    const expected =
      positionals.length === 0 ? 'none expected' : `expected: ${positionalsText(positionals)}`;
    throw new UsageError(`too many arguments: ${given.length} given, ${expected}`);
  }
  return found;
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
